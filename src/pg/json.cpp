#include "pg/json.hpp"
#include "pg/uuid.hpp"

namespace lifeguard::pg {

namespace {

constexpr int max_depth = 64;
constexpr size_t max_number = 300; // numeric holds far more
constexpr size_t max_exponent = 3; // digits

// A place in a text; what it reads, it steps over.
struct Reader {
    const char *at;
    const char *end;

    explicit Reader(std::string_view text) : at(text.data()), end(text.data() + text.size()) {}

    bool done() const { return at == end; }

    void skip_space() {
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
            at++;
    }

    // True, and stepped over, when the next character that is no space is this one.
    bool take(char wanted) {
        skip_space();
        if (at == end || *at != wanted)
            return false;
        at++;
        return true;
    }

    bool take_word(std::string_view word) {
        if (static_cast<size_t>(end - at) < word.size() || memcmp(at, word.data(), word.size()) != 0)
            return false;
        at += word.size();
        return true;
    }

    size_t take_digits() {
        const char *from = at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        return static_cast<size_t>(at - from);
    }

    bool take_number() {
        const char *from = at;
        if (at < end && *at == '-')
            at++;
        const char *digits = at;
        const size_t whole = take_digits();
        if (whole == 0 || (whole > 1 && *digits == '0'))
            return false;
        if (at < end && *at == '.') {
            at++;
            if (take_digits() == 0)
                return false;
        }
        if (at < end && (*at == 'e' || *at == 'E')) {
            at++;
            if (at < end && (*at == '+' || *at == '-'))
                at++;
            const size_t exponent = take_digits();
            if (exponent == 0 || exponent > max_exponent)
                return false;
        }
        return static_cast<size_t>(at - from) <= max_number;
    }

    // The four hexadecimal digits of a \u; -1 when they are none.
    int take_code_unit() {
        int unit = 0;
        for (int i = 0; i < 4; i++, at++) {
            if (at == end)
                return -1;
            const int digit = hex_digit(*at);
            if (digit < 0)
                return -1;
            unit = unit * 16 + digit;
        }
        return unit;
    }

    // The character of a \u, whose second half may follow; -1 for what jsonb refuses.
    int take_code_point() {
        const int unit = take_code_unit();
        if (unit <= 0 || (unit >= 0x80 && GetDatabaseEncoding() != PG_UTF8))
            return -1;
        if (unit < 0xd800 || unit > 0xdfff)
            return unit;
        if (unit > 0xdbff || !take_word("\\u"))
            return -1;
        const int second = take_code_unit();
        return second < 0xdc00 || second > 0xdfff ? -1 : 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
    }

    // A string with its quotes; `write` gets its bytes in pieces.
    template <typename Write> bool take_string(Write write) {
        if (!take('"'))
            return false;
        while (at < end) {
            const char *from = at;
            while (at < end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20)
                at++;
            write(std::string_view(from, static_cast<size_t>(at - from)));
            if (at == end)
                return false;
            const char c = *at++;
            if (c == '"')
                return true;
            if (c != '\\' || at == end)
                return false; // a control character, or the end
            const char escaped = *at++;
            if (escaped == 'u') {
                const int character = take_code_point();
                if (character < 0)
                    return false;
                unsigned char bytes[8];
                unicode_to_utf8(static_cast<pg_wchar>(character), bytes);
                write(std::string_view(reinterpret_cast<char *>(bytes), static_cast<size_t>(pg_utf_mblen(bytes))));
                continue;
            }
            static constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
            const size_t which = names.find(escaped);
            if (which == std::string_view::npos)
                return false;
            write(meanings.substr(which, 1));
        }
        return false;
    }

    bool take_string() {
        return take_string([](std::string_view) {});
    }

    // A value that is neither array nor object.
    bool take_scalar() {
        skip_space();
        if (at == end)
            return false;
        switch (*at) {
        case '"':
            return take_string();
        case 't':
            return take_word("true");
        case 'f':
            return take_word("false");
        case 'n':
            return take_word("null");
        default:
            return take_number();
        }
    }

    bool take_key() { return take_string() && take(':'); }

    // Any value, or what is nested in it; false when it is not sound.
    bool take_value() {
        bool in_object[max_depth];
        int depth = 0;
        for (;;) {
            bool opened = true;
            if (take('{'))
                in_object[depth] = true;
            else if (take('['))
                in_object[depth] = false;
            else
                opened = false;
            if (opened) {
                if (++depth == max_depth)
                    return false;
                if (!take(in_object[depth - 1] ? '}' : ']')) {
                    if (in_object[depth - 1] && !take_key())
                        return false;
                    continue;
                }
                depth--;
            } else if (!take_scalar()) {
                return false;
            }
            while (depth > 0 && !take(',')) {
                if (!take(in_object[depth - 1] ? '}' : ']'))
                    return false;
                depth--;
            }
            if (depth == 0)
                return true;
            if (in_object[depth - 1] && !take_key())
                return false;
        }
    }
};

// Whether a key, with its quotes, means this name.
bool means(std::string_view key, std::string_view name) {
    size_t matched = 0;
    bool same = true;
    Reader(key).take_string([&](std::string_view piece) {
        same = same && name.substr(Min(matched, name.size())).starts_with(piece);
        matched += piece.size();
    });
    return same && matched == name.size();
}

} // namespace

bool is_json(std::string_view text) {
    Reader reader(text);
    if (!reader.take_value())
        return false;
    reader.skip_space();
    return reader.done();
}

bool json_next(std::string_view container, size_t *position, std::string_view *key, std::string_view *value) {
    Reader reader(container);
    reader.skip_space();
    if (reader.done() || (*reader.at != '{' && *reader.at != '['))
        return false;
    const bool object = *reader.at == '{';
    if (*position == 0)
        reader.at++;
    else
        reader.at = container.data() + *position;
    reader.skip_space();
    if (reader.done() || *reader.at == '}' || *reader.at == ']' || (*position > 0 && !reader.take(',')))
        return false;
    *key = {};
    if (object) {
        reader.skip_space();
        const char *from = reader.at;
        if (!reader.take_string())
            return false;
        *key = std::string_view(from, static_cast<size_t>(reader.at - from));
        if (!reader.take(':'))
            return false;
    }
    reader.skip_space();
    const char *from = reader.at;
    if (!reader.take_value())
        return false;
    *value = std::string_view(from, static_cast<size_t>(reader.at - from));
    *position = static_cast<size_t>(reader.at - container.data());
    return true;
}

std::string_view json_member(std::string_view object, std::string_view name) {
    std::string_view key, value, found;
    size_t position = 0;
    while (json_next(object, &position, &key, &value))
        if (key.data() != nullptr && means(key, name))
            found = value;
    return found;
}

int json_text(std::string_view string, char *buffer, size_t size) {
    size_t length = 0;
    bool fits = is_json_string(string);
    const bool sound = fits && Reader(string).take_string([&](std::string_view piece) {
        fits = fits && length + piece.size() < size;
        if (fits)
            memcpy(buffer + length, piece.data(), piece.size());
        length += piece.size();
    });
    if (!sound || !fits)
        return -1;
    buffer[length] = '\0';
    return static_cast<int>(length);
}

char *json_string(std::string_view string) {
    if (!is_json_string(string))
        return nullptr;
    auto *buffer = static_cast<char *>(palloc(string.size() + 1));
    return json_text(string, buffer, string.size() + 1) < 0 ? nullptr : buffer;
}

} // namespace lifeguard::pg
