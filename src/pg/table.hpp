// Rows of tables known by name, read and written on one of two paths that do the same: direct (the table's own access
// method, as logical replication applies changes) and SPI (saved plans). Callers cannot tell which; who may not take
// the direct path is decided here, for each table and each kind of change. Everything runs as the table's owner.
//
// The name may be that of a simple view: then both paths work on the table that it shows, whatever the columns are
// called there. Whole numbers may be stored as another type of number there; here they are int4.
#pragma once

#include <initializer_list>

#include "pg/server.hpp"

namespace lifeguard::pg {

struct Table;
struct Knowledge;
struct Direct;

constexpr int max_columns = 20;

// A set of a table's columns: bit i is the i-th of its description.
using Columns = uint32;

// The set of these columns.
constexpr Columns columns(std::initializer_list<int> numbers) {
    Columns set = 0;
    for (const int number : numbers)
        set |= Columns{1} << number;
    return set;
}

// A column that the code uses: its type, and the table whose key it refers to, where a caller may hold that row locked.
struct Column {
    const char *name;
    Oid type;
    Table *parent = nullptr;
};

// A table as the code knows it: by name. The first column is the key by which rows are updated. Static storage only.
struct Table {
    const char *schema;
    const char *name;
    void (*missing)(const Table &table,
                    const char *column); // raises: there is no such table, or no such column (not nullptr)
    Column columns[max_columns];

    int count = 0; // from here on filled in by this layer
    Knowledge *knowledge = nullptr;
    Table *next = nullptr;
};

// A row: the columns of the description, by their numbers there.
struct Row {
    Datum values[max_columns];
    bool nulls[max_columns];
    ItemPointerData place; // of the version that the direct path saw last; invalid on the other path

    void set(int column, Datum value) {
        values[column] = value;
        nulls[column] = false;
    }
    void set_null(int column) {
        values[column] = 0;
        nulls[column] = true;
    }
    // As set(), or NULL where there is no text.
    void set_text(int column, const char *value) {
        if (value == nullptr)
            set_null(column);
        else
            set(column, CStringGetTextDatum(value));
    }
    int32 integer(int column) const { return DatumGetInt32(values[column]); }
    const char *string(int column) const { return nulls[column] ? nullptr : TextDatumGetCString(values[column]); }
};

// A condition: this column has this value.
struct Key {
    int column;
    Datum value;
};

enum class Lock { none, no_key_update };

// One unit of work over several tables. Reads see the newest committed rows and all that was written before (in a
// repeatable read transaction its snapshot). A unit that fails is left behind as it is: the abort cleans up.
class Work {
public:
    // read_only: the caller's snapshot is used and nothing may be written.
    void begin(bool read_only);
    // Fires what the writes have queued: foreign keys are checked here.
    void end();

    // The row with these keys; at most one is expected. Waits for the lock; the row is as it is then.
    bool find(Table &table, std::initializer_list<Key> keys, Lock lock, Row *row);

    // Calls visit(const Row &) for the rows with these keys, in no particular order; the row is valid during the call
    // only. Rows have column `from` at least at its value, where from.column is not negative. visit must not use this
    // object.
    template <typename Visit> void each(Table &table, std::initializer_list<Key> keys, Key from, Visit visit) {
        scan(
            table, keys, from, [](const Row &row, void *call) { (*static_cast<Visit *>(call))(row); }, &visit);
    }
    template <typename Visit> void each(Table &table, std::initializer_list<Key> keys, Visit visit) {
        each(table, keys, Key{-1, 0}, visit);
    }

    // Stores a new row of the given columns. `held`: the columns whose parent row the caller has found with a lock, in
    // this unit, by this value: their foreign keys hold and are not checked again.
    void insert(Table &table, Row *row, Columns given, Columns held);
    // As insert, but does nothing where the row would conflict with one that is there or comes into being; false then.
    bool insert_if_absent(Table &table, Row *row, Columns given);
    // Stores the changed columns of a row that find() has locked.
    void update(Table &table, Row *row, Columns changed);
    // Removes a row that find() has locked.
    void remove(Table &table, const Row &row);
    // The result of a function of one argument, called by SPI as the owner of `table`; NULL is an error. Its plan is
    // kept in *plan.
    Datum call(Table &table, const char *function, Oid argument_type, Datum argument, Oid result_type,
               SPIPlanPtr *plan);

    bool reads_only() const { return read_only; }

private:
    using Visitor = void (*)(const Row &row, void *call);
    void scan(Table &table, std::initializer_list<Key> keys, Key from, Visitor visit, void *call);

    bool read_only;
    Direct *direct; // nullptr: this unit has no direct path
};

// Defines lifeguard.direct_writes and watches the catalogs.
void init_tables();

} // namespace lifeguard::pg
