// Whose swallowed exceptions nobody wants to hear of.
#pragma once

#include "journal/entry.hpp"

namespace lifeguard::journal {

// What is known of the functions of a batch.
struct Muting {
    Oid extension;        // its own functions say themselves what they swallow
    bool is_read = false; // the rest, when the first such entry came
    Oid *muted = nullptr;
    int count = 0;
    Oid last = InvalidOid; // asked about, and the answers
    bool last_is_ours = false, last_is_muted = false;
};

enum class Audience { everybody, muted, ourselves };

// Who is to be told of an error. In a transaction, SPI connected.
Audience audience_of(const Report &report, Muting *muting);

} // namespace lifeguard::journal
