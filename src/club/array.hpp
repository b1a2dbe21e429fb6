// A growing array in palloc'ed memory, for types that need no destructor. Growing moves the elements.
#pragma once

#include <type_traits>

#include "pg/server.hpp"

namespace lifeguard::club {

template <typename T> struct Array {
    T *items;
    int count;
    int capacity;

    // Appends an element in the memory of the first one, or in `memory`.
    T &add(const T &element, MemoryContext memory) {
        static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);
        if (count == capacity) {
            const int room = Max(capacity * 2, 4);
            items = static_cast<T *>(capacity == 0 ? MemoryContextAllocHuge(memory, sizeof(T) * room)
                                                   : repalloc_huge(items, sizeof(T) * room));
            capacity = room;
        }
        items[count] = element;
        return items[count++];
    }
    T &operator[](int i) { return items[i]; }
    T *begin() { return items; }
    T *end() { return items + count; }
};

} // namespace lifeguard::club
