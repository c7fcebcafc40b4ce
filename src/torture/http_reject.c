/* SPDX-License-Identifier: MIT */
/* http_reject.c - cases of HTTP/1.1 servers: what must be refused, and requests that are hidden in
 * others. */
#include "torture/tables.h"

#define GET "GET $T HTTP/1.1|Host: $H|"
#define POST "POST $T HTTP/1.1|Host: $H|"
#define CHUNKED POST "Transfer-Encoding: chunked||"

static const struct torture_row rows[] = {
    /* ---- request line ---- */
    {"reject.line", "9112 3", SHOULD, OF_SERVERS, "the request line: {}", "{}|Host: $H||",
     "reject 400 405 501 505",
     "GET GET\x01$T GET\x01\x01$T\x01HTTP/1.1 \x01GET\x01$T\x01HTTP/1.1 "
     "GET\x01$T\x01HTTP/1.1\x01x GET\x01$T\x01HTTP/1.1\x01 GET\x02$T\x02HTTP/1.1 "
     "GET\x01$T\x01\x01HTTP/1.1 GET\x01$T\x01x\x01HTTP/1.1 $T\x01HTTP/1.1 GET$T\x01HTTP/1.1 x"},
    {"reject.version", "9110 2.5", SHOULD, OF_SERVERS, "the version is {}", "GET $T {}|Host: $H||",
     "reject 400 505",
     "HTTP/2.0 HTTP/3.0 HTTP/11 HTTP/1 HTTP/1. HTTP/.1 HTTP/1.x HTTP/1.1.1 HTTP/01.1 "
     "http/1.1 HTTPS/1.1 XTTP/1.1 HTTP1.1 HTTP/-1.1 HTTP/1.10 HTTP/0.9"},
    {"reject.method", "9110 9.1", SHOULD, OF_SERVERS, "the method {} is no token",
     "{} $T HTTP/1.1|Host: $H||", "reject 400 501", "G(T G/T GET: \"GET\" G@T G[T {GET}"},
    {"reject.method-unknown", "9110 9.1", MAY, OF_SERVERS, "the method {}",
     "{} $T HTTP/1.1|Host: $H||", "reject 501 405 400", "get Get UNKNOWN GETT"},
    {"reject.method-connect", "9110 9.3.6", SHOULD, OF_SERVERS, "CONNECT",
     "CONNECT example.org:80 HTTP/1.1|Host: example.org:80||", "reject 400 405 501 404 403", NULL},
    {"reject.target", "9112 3.2", SHOULD, OF_SERVERS, "the target is {}",
     "GET {} HTTP/1.1|Host: $H||", "reject 400 404", "* x example.org:80 $T#x $T\x7f $T\x03 #"},
    {"reject.target-nul", "9112 3.2", SHOULD, OF_SERVERS, "a NUL in the target",
     "GET $T$0 HTTP/1.1|Host: $H||", "reject 400", NULL},
    {"reject.target-cr", "9112 2.2", SHOULD, OF_SERVERS, "a bare CR in the request line",
     "GET $T\r HTTP/1.1|Host: $H||", "reject 400", NULL},
    {"reject.target-long", "9112 3", SHOULD, OF_SERVERS, "a target of {} bytes",
     "GET $T?$x{}; HTTP/1.1|Host: $H||", "reject 414 400 431", "200000"},
    /* ---- Host ---- */
    {"reject.no-host", "9112 3.2", MUST, OF_SERVERS, "no Host", "GET $T HTTP/1.1||", "reject 400",
     NULL},
    {"reject.no-host-absolute", "9112 3.2", MUST, OF_SERVERS, "no Host, the target is a whole URL",
     "GET $S://$H$T HTTP/1.1||", "reject 400", NULL},
    {"reject.two-hosts", "9112 3.2", MUST, OF_SERVERS, "two Hosts: {}", GET "{}||", "reject 400",
     "Host:$H Host:other.example host:$H Host:"},
    {"reject.bad-host", "9112 3.2", MUST, OF_SERVERS, "Host: {}", "GET $T HTTP/1.1|Host: {}||",
     "reject 400",
     "a/b a@b a,b [::1 a\x01"
     "b ::1 a:b <a> a?b a#b a\\b"},
    /* ---- fields ---- */
    {"reject.no-colon", "9112 5", SHOULD, OF_SERVERS, "a line without a colon", GET "nothing||",
     "reject 400", NULL},
    {"reject.empty-name", "9110 5.1", SHOULD, OF_SERVERS, "a field without a name", GET ": x||",
     "reject 400", NULL},
    {"reject.name-blank", "9112 5.1", MUST, OF_SERVERS, "a blank before the colon", GET "X : a||",
     "reject 400", NULL},
    {"reject.name-tab", "9112 5.1", MUST, OF_SERVERS, "a tab before the colon", GET "X\t: a||",
     "reject 400", NULL},
    {"reject.name-inside", "9112 5.1", SHOULD, OF_SERVERS, "a blank within a name", GET "X Y: a||",
     "reject 400", NULL},
    {"reject.name", "9110 5.1", SHOULD, OF_SERVERS, "a name with {}", GET "X{}Y: a||", "reject 400",
     "( ) < > @ , ; \\ \" / [ ] ? = { } \x03 \x7f \xe9"},
    {"reject.name-nul", "9110 5.1", SHOULD, OF_SERVERS, "a name with a NUL", GET "X$0Y: a||",
     "reject 400", NULL},
    {"reject.value-nul", "9110 5.5", SHOULD, OF_SERVERS, "a value with a NUL", GET "X: a$0b||",
     "reject 400", NULL},
    {"reject.value-cr", "9110 5.5", SHOULD, OF_SERVERS, "a value with a bare CR", GET "X: a\rb||",
     "reject 400", NULL},
    {"reject.value-lf", "9110 5.5", MAY, OF_SERVERS, "a value with a bare LF", GET "X: a\nb||",
     "either", NULL},
    {"reject.value-control", "9110 5.5", SHOULD, OF_SERVERS,
     "a value with the control character {}", GET "X: a{}b||", "reject 400",
     "\x03 \x08 \x0b \x0c \x1b \x1f \x7f"},
    {"reject.fold", "9112 5.2", MAY, OF_SERVERS, "a folded line: {}", GET "X: a|{}||",
     "either",
     "\x01"
     "b \x01"
     "X:b \x02"
     "b"},
    {"reject.fold-first", "9112 2.2", MAY, OF_SERVERS,
     "a line that begins with a blank, before the first field", "GET $T HTTP/1.1| X: a|Host: $H||",
     "either",
     NULL},
    {"reject.first-host", "9112 2.2", MUST, OF_SERVERS,
     "Host in a line that begins with a blank, before the first field",
     "GET $T HTTP/1.1| Host: $H||", "reject 400", NULL},
    {"reject.fold-host", "9112 5.2", MUST, OF_SERVERS, "Host in a folded line",
     "GET $T HTTP/1.1|X: a| Host: $H||", "reject 400", NULL},
    {"reject.line-cr", "9112 2.2", SHOULD, OF_SERVERS, "lines end in CR alone",
     "GET $T HTTP/1.1\rHost: $H\r\r||", "reject 400 505", NULL},
    {"reject.line-lf", "9112 2.2", MAY, OF_SERVERS, "lines end in LF alone",
     "GET $T HTTP/1.1\nHost: $H\n\n", "either", NULL},
    {"reject.line-crcrlf", "9112 2.2", SHOULD, OF_SERVERS, "a line ends in CR CR LF",
     GET "X: a\r||", "reject 400", NULL},
    {"reject.long-field", "9110 5.4", SHOULD, OF_SERVERS, "a field of {} bytes", GET "X: $x{};||",
     "reject 431 400 413", "200000"},
    {"reject.tls", "9112 3", SHOULD, OF_SERVERS, "the hello of TLS",
     "\x16\x03\x01\x02$0\x01$0\x01\xfc\x03\x03||", "reject 400", NULL},
    {"reject.http2", "9113 3.4", SHOULD, OF_SERVERS, "the preface of HTTP/2",
     "PRI * HTTP/2.0||SM||", "reject 400 505", NULL},
    {"reject.expect", "9110 10.1.1", MAY, OF_SERVERS, "an expectation that is not known",
     GET "Expect: x||", "either", NULL},
    /* ---- lengths ---- */
    {"reject.length", "9112 6.3", MUST, OF_SERVERS, "Content-Length: {}",
     POST "Content-Length: {}||hello", "reject 400 413 closes",
     "-5 +5 0x5 5.0 5e0 5,6 5;5 x 5x x5 \"5\" 5\x01"
     "5 5_0 18446744073709551621 "
     "99999999999999999999999999 5\x03 \xd9\xa5"},
    {"reject.length-empty", "9112 6.3", MUST, OF_SERVERS, "an empty Content-Length",
     POST "Content-Length: ||hello", "reject 400 closes", NULL},
    {"reject.length-list", "9112 6.3", MAY, OF_SERVERS, "Content-Length: 5, 5",
     POST "Content-Length: 5, 5||hello", "either", NULL},
    {"reject.lengths", "9112 6.3", MUST, OF_SERVERS, "two lengths, 5 and {}",
     POST "Content-Length: 5|Content-Length: {}||hello", "reject 400 closes", "6 0 x -5 05x"},
    {"reject.lengths-same", "9112 6.3", MAY, OF_SERVERS, "two lengths, the same",
     POST "Content-Length: 5|Content-Length: 5||hello", "either", NULL},
    {"reject.coding", "9112 6.1", SHOULD, OF_SERVERS, "Transfer-Encoding: {}",
     POST "Transfer-Encoding: {}||5|hello|0||", "reject 400 501",
     "identity xchunked chunkedx foo chunk \"chunked\" chunked-x identity,chunked "
     "chunked,identity"},
    {"reject.coding-last", "9112 6.3", MUST, OF_SERVERS, "chunked is not the last coding: {}",
     POST "Transfer-Encoding: {}||5|hello|0||", "reject 400 501 closes",
     "chunked,gzip chunked,foo gzip foo"},
    {"reject.coding-twice", "9112 6.1", SHOULD, OF_SERVERS, "chunked twice: {}",
     POST "Transfer-Encoding: {}||5|hello|0||", "reject 400 501",
     "chunked,chunked chunked|Transfer-Encoding:chunked"},
    {"reject.coding-empty", "9112 6.1", SHOULD, OF_SERVERS, "an empty Transfer-Encoding",
     POST "Transfer-Encoding: ||5|hello|0||", "reject 400 501", NULL},
    {"reject.coding-control", "9112 6.1", SHOULD, OF_SERVERS,
     "a control character beside chunked: {}", POST "Transfer-Encoding: {}||5|hello|0||",
     "reject 400 501",
     "\x0b"
     "chunked chunked\x0b \x0c"
     "chunked chunked\x03"},
    {"reject.coding-blank", "9112 5.1", MUST, OF_SERVERS, "Transfer-Encoding with a blank behind",
     POST "Transfer-Encoding : chunked||5|hello|0||", "reject 400", NULL},
    {"reject.coding-old", "9112 6.1", SHOULD, OF_SERVERS, "Transfer-Encoding in HTTP/1.0",
     "POST $T HTTP/1.0|Host: $H|Transfer-Encoding: chunked||5|hello|0||", "reject 400 501", NULL},
    /* ---- chunks ---- */
    {"reject.chunk-size", "9112 7.1", MUST, OF_SERVERS, "the size of a chunk is {}",
     CHUNKED "{}|hello|0||", "reject 400 413 body",
     "x -5 +5 0x5 \x01"
     "5 5x 5,5 g 10000000000000005 fffffffffffffffff 5\x03 \"5\" 5\r5 ;a 05g"},
    {"reject.chunk-size-empty", "9112 7.1", MUST, OF_SERVERS, "an empty size", CHUNKED "|hello|0||",
     "reject 400 body", NULL},
    {"reject.chunk-size-blank", "9112 7.1", SHOULD, OF_SERVERS, "a blank behind the size",
     CHUNKED "5 |hello|0||", "reject 400 body", NULL},
    {"reject.chunk-end", "9112 7.1", MUST, OF_SERVERS, "no line end behind the data: {}",
     CHUNKED "5|{}0||", "reject 400 body", "hello hellox hello\r hello0|"},
    {"reject.chunk-lf", "9112 7.1", SHOULD, OF_SERVERS, "a chunk line ends in LF alone: {}",
     CHUNKED "{}", "reject 400 body", "5\nhello|0|| 5|hello\n0|| 5;a\nhello|0||"},
    {"reject.chunk-extension", "9112 7.1.1", SHOULD, OF_SERVERS,
     "an extension with a control character: {}", CHUNKED "5;{}|hello|0||", "reject 400 body",
     "a\r a\rb a\x03"},
    {"reject.trailer", "9112 7.1.2", SHOULD, OF_SERVERS, "a trailer that is no field: {}",
     CHUNKED "5|hello|0|{}||", "reject 400 body", "x :x X\x01:a X(:a \x01X:a"},
    /* ---- requests that are hidden in others ---- */
    {"canary.body", "9112 6.3", MUST, OF_SERVERS, "in the body of a {}",
     "{} $T HTTP/1.1|Host: $H|Content-Length: $L||$C", "canary",
     "GET POST PUT DELETE OPTIONS PATCH"},
    {"canary.chunk", "9112 7.1", MUST, OF_SERVERS, "in a chunk of a {}",
     "{} $T HTTP/1.1|Host: $H|Transfer-Encoding: chunked||$X|$C|0||", "canary", "GET POST PUT"},
    {"canary.length-coding", "9112 6.3", MUST, OF_SERVERS, "a length and chunked: {} first",
     "{}0||$C", "canary",
     "POST\x01$T\x01HTTP/1.1|Host:$H|Content-Length:5|Transfer-Encoding:chunked|| "
     "POST\x01$T\x01HTTP/1.1|Host:$H|Transfer-Encoding:chunked|Content-Length:5|| "
     "GET\x01$T\x01HTTP/1.1|Host:$H|Content-Length:5|Transfer-Encoding:chunked|| "
     "GET\x01$T\x01HTTP/1.1|Host:$H|Transfer-Encoding:chunked|Content-Length:5||"},
    {"canary.coding", "9112 6.1", MUST, OF_SERVERS, "a length that holds it, and {}",
     POST "Content-Length: $L|{}||$C", "canary",
     "Transfer-Encoding:xchunked Transfer-Encoding:identity Transfer-Encoding\x01:chunked "
     "Transfer-Encoding:\x0b"
     "chunked Transfer-Encoding:chunked,x Transfer_Encoding:x "
     "X:a\x01Transfer-Encoding:chunked Transfer-Encoding: \x01Transfer-Encoding:chunked"},
    {"canary.coding-old", "9112 6.1", MUST, OF_SERVERS, "chunked in HTTP/1.0",
     "POST $T HTTP/1.0|Host: $H|Connection: keep-alive|Transfer-Encoding: chunked||0||$C", "canary",
     NULL},
    {"canary.lengths", "9112 6.3", MUST, OF_SERVERS, "two lengths: {}", POST "{}||$C", "canary",
     "Content-Length:0|Content-Length:$L Content-Length:$L|Content-Length:0 Content-Length:0,$L "
     "Content-Length:$L,0 Content-Length:$L|content-length:0"},
    {"canary.length", "9112 6.3", MUST, OF_SERVERS, "a length that is none: {}", POST "{}||$C",
     "canary",
     "Content-Length:+$L Content-Length:-0 Content-Length:0x0 Content-Length:$L;0 "
     "Content-Length:0\x01$L Content-Length:18446744073709551616 Content-Length\x01:$L "
     "Content-Length:"},
    {"canary.nul", "9110 5.5", MUST, OF_SERVERS, "a NUL in the name or value of the length: {}",
     POST "{}||$C", "canary", "Content-Length$0:$L Content-Length:$L$0 $0Content-Length:$L"},
    {"canary.chunk-size", "9112 7.1", MUST, OF_SERVERS, "behind a bad size of a chunk: {}",
     CHUNKED "{}|$C", "canary", "x -0 +0 0x0 10000000000000000 g \x03"},
    {"canary.chunk-end", "9112 7.1", MUST, OF_SERVERS, "behind a chunk with a bad end: {}",
     CHUNKED "5|{}0||$C", "canary", "hello hello\r helloxx"},
    {"canary.chunk-lf", "9112 7.1.1", MUST, OF_SERVERS, "an extension with a bare LF",
     CHUNKED "2;\nxx|$X|0||$C", "canary", NULL},
    {"canary.chunk-spill", "9112 7.1", MUST, OF_SERVERS,
     "behind a chunk that is longer than its size", CHUNKED "3|hello|0||$C", "canary", NULL},
    {"canary.trailer", "9112 7.1.2", MUST, OF_SERVERS, "in a trailer section that does not end",
     CHUNKED "0|X: a|$C", "canary", NULL},
    {"canary.folded", "9112 5.2", MUST, OF_SERVERS, "a length in a folded line",
     POST "X: a| Content-Length: 0|Content-Length: $L||$C", "canary", NULL},
    {"canary.value-cr", "9110 5.5", MUST, OF_SERVERS, "a head that ends in a value: {}",
     GET "X: a{}$C|", "canary", "\r\r \x0b"},
    {"canary.request-cr", "9112 2.2", MUST, OF_SERVERS, "a head behind a CR in the request line",
     "GET $T HTTP/1.1\rX: $C", "canary", NULL},
    {"canary.refused", "9112 9.6", MUST, OF_SERVERS, "behind a request that is refused: {}",
     "{}||$C", "canary refused",
     "GET\x01$T\x01HTTP/1.1 GET\x01$T\x01HTTP/1.1|Host:$H|X GET\x01$T\x01HTTP/9.9|Host:$H "
     "GET\x01$T\x01HTTP/1.1|Host:$H|Host:x G(T\x01$T\x01HTTP/1.1|Host:$H"},
    {"canary.expect", "9110 10.1.1", MUST, OF_SERVERS, "in a body that was announced by Expect",
     POST "Expect: 100-continue|Content-Length: $L||$C", "canary", NULL},
    {"canary.upgrade", "9110 7.8", MUST, OF_SERVERS, "in a body, with an Upgrade to {}",
     POST "Connection: Upgrade|Upgrade: {}|Content-Length: $L||$C", "canary", "h2c websocket"},
};

const struct torture_table torture_http_reject = {KIND_HTTP, rows, sizeof rows / sizeof *rows};
const struct torture_table torture_http_reject_bytes = {KIND_HTTP_BYTES, rows,
                                                        sizeof rows / sizeof *rows};
