/* SPDX-License-Identifier: MIT */
/* date.c - a date is matched against a format, a character for each: see field_take. Days are
 * counted from March on, so that the leap day is the last of a year. */
#include "http/date.h"

#include <string.h>
#include <strings.h>

#include "wire/chars.h"

const char weir__months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
const char weir__weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_weekdays[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                             "Thursday", "Friday", "Saturday"};

enum { DAY = 86400, ERA_DAYS = 146097, TO_1970 = 719468 /* from 0000-03-01 */ };

/* Days since 1970 of a date in the Gregorian calendar. */
static int64_t days_of(int year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - TO_1970;
}

struct weir__civil weir__civil(int64_t seconds) {
    int64_t days = seconds / DAY - (seconds % DAY < 0), rest = seconds - days * DAY;
    int64_t shifted = days + TO_1970;
    int64_t era = (shifted >= 0 ? shifted : shifted - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = shifted - era * ERA_DAYS;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);
    return (struct weir__civil){
        .year = (int)(y + era * 400 + (month <= 2)), .month = month,
        .day = (int)(of_year - (153 * m + 2) / 5 + 1), .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60), .second = (int)(rest % 60),
        .weekday = (int)(((days + 4) % 7 + 7) % 7)};
}

/* ---- reading ---- */

static size_t name_len(const char *text, size_t len, const char *name) {
    size_t n = strlen(name);
    return n <= len && memcmp(text, name, n) == 0 ? n : 0;
}

/* Two or four digits; with blank the first may be a space. Returns how many bytes, 0: they are
 * none. */
static size_t number_take(const char *text, size_t len, size_t digits, bool blank, int *ret) {
    int value = 0;
    if (len < digits)
        return 0;
    for (size_t i = 0; i < digits; i++) {
        if (blank && i == 0 && text[i] == ' ')
            continue;
        if (!weir__char_is((uint8_t)text[i], WEIR__CHAR_DIGIT))
            return 0;
        value = value * 10 + (text[i] - '0');
    }
    *ret = value;
    return digits;
}

static size_t weekday_take(const char *text, size_t len, bool is_long) {
    for (int i = 0; i < 7; i++) {
        size_t n = name_len(text, len, is_long ? long_weekdays[i] : weir__weekdays[i]);
        if (n > 0)
            return n;
    }
    return 0;
}

static size_t month_take(const char *text, size_t len, int *ret) {
    for (int i = 0; i < 12; i++)
        if (name_len(text, len, weir__months[i]) > 0) {
            *ret = i + 1;
            return 3;
        }
    return 0;
}

/* Take what one character of a format stands for. Returns how many bytes it has; 0: it is not
 * there. */
static size_t field_take(char field, const char *text, size_t len, struct weir__civil *c) {
    switch (field) {
    case 'a':
        return weekday_take(text, len, false);
    case 'A':
        return weekday_take(text, len, true);
    case 'd':
        return number_take(text, len, 2, false, &c->day);
    case 'e':
        return number_take(text, len, 2, true, &c->day);
    case 'b':
        return month_take(text, len, &c->month);
    case 'Y':
        return number_take(text, len, 4, false, &c->year);
    case 'y':
        return number_take(text, len, 2, false, &c->year);
    case 'h':
        return number_take(text, len, 2, false, &c->hour);
    case 'm':
        return number_take(text, len, 2, false, &c->minute);
    case 's':
        return number_take(text, len, 2, false, &c->second);
    case 'Z':
        return name_len(text, len, "GMT");
    default:
        return len > 0 && *text == field;
    }
}

static bool civil_valid(const struct weir__civil *c) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
    int last = days[c->month - 1] + (c->month == 2 && is_leap);
    return c->day >= 1 && c->day <= last && c->hour < 24 && c->minute < 60 && c->second <= 60;
}

bool weir__date_parse(const char *text, size_t len, int64_t now, int64_t *ret) {
    static const char *const formats[] = {"a, d b Y h:m:s Z", "A, d-b-y h:m:s Z", "a b e h:m:s Y"};
    for (size_t i = 0; i < 3; i++) {
        struct weir__civil c = {0};
        size_t at = 0, taken = 1;
        for (const char *field = formats[i]; *field != '\0' && taken > 0; field++)
            at += taken = field_take(*field, text + at, len - at, &c);
        if (taken == 0 || at != len)
            continue;
        int this_year = weir__civil(now).year;
        if (i == 1)
            c.year += this_year - this_year % 100;
        while (i == 1 && c.year > this_year + 50)
            c.year -= 100;
        if (!civil_valid(&c))
            return false;
        *ret = days_of(c.year, c.month, c.day) * DAY + c.hour * 3600 + c.minute * 60 + c.second;
        return true;
    }
    return false;
}

/* ---- writing ---- */

static char *digits_put(char *at, int value, int count) {
    for (int i = count; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + count;
}

static char *text_put(char *at, const char *text, size_t len) {
    memcpy(at, text, len);
    return at + len;
}

const char *weir__date_write(int64_t seconds, char text[static WEIR__DATE_LEN + 1]) {
    static const int64_t first = -62167219200, last = 253402300799;
    seconds = seconds < first ? first : seconds > last ? last : seconds;
    struct weir__civil c = weir__civil(seconds);
    char *at = text_put(text, weir__weekdays[c.weekday], 3);
    at = digits_put(text_put(at, ", ", 2), c.day, 2);
    at = text_put(text_put(at, " ", 1), weir__months[c.month - 1], 3);
    at = digits_put(text_put(at, " ", 1), c.year, 4);
    at = digits_put(text_put(at, " ", 1), c.hour, 2);
    at = digits_put(text_put(at, ":", 1), c.minute, 2);
    at = digits_put(text_put(at, ":", 1), c.second, 2);
    memcpy(at, " GMT", 5);
    return text;
}
