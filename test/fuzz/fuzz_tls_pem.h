/* SPDX-License-Identifier: MIT */
/* fuzz_tls_pem.h - a certificate that signs itself, and its key, for fuzz_tls.c: the same in each
 * run, so that a seed repeats a handshake. They protect nothing. */
#ifndef WEIR_TEST_FUZZ_TLS_PEM_H
#define WEIR_TEST_FUZZ_TLS_PEM_H

static const char fuzz_cert_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBYjCCAQegAwIBAgIBBzAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv\n"
    "c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM\n"
    "CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLpeFUKkYB8oftkO\n"
    "L9FanPRH19uzCEmj/QJZuttlml+J7bozhTQygcBsmYnBN1PEqjjJ76mEbUcvOAw/\n"
    "PBdoIiejSDBGMA8GA1UdEwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJbG9jYWxob3N0\n"
    "MB0GA1UdDgQWBBRG2FjYOTL7L/p2i4cLiIsbZIjE3jAKBggqhkjOPQQDAgNJADBG\n"
    "AiEAtTpHOWysRZsw/YTV3gCn9z+DaK6ccMUgSvUIv8VKwAUCIQD4JIpbImXzO3Pg\n"
    "8MtqW1Z+3JG/ifAEJx4bVWDl2bbRAw==\n"
    "-----END CERTIFICATE-----\n";

static const char fuzz_key_pem[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIPkN4xJBOtNZYTm6TMp4P5SRBK0ozo/FOGAJ4zh4g+XioAoGCCqGSM49\n"
    "AwEHoUQDQgAEul4VQqRgHyh+2Q4v0Vqc9EfX27MISaP9Alm622WaX4ntujOFNDKB\n"
    "wGyZicE3U8SqOMnvqYRtRy84DD88F2giJw==\n"
    "-----END EC PRIVATE KEY-----\n";

#endif
