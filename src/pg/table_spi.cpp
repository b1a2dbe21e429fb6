#include <bit>

#include "pg/table_paths.hpp"

namespace lifeguard::pg {

enum class Verb { find, find_locked, scan, insert, insert_if_absent, update, remove };

// A saved plan of one table. Plans know their tables by name and are kept for good: the server plans them again when
// needed.
struct Statement {
    Statement *next;
    Verb verb;
    Columns given;
    Columns keys;
    int from;
    SPIPlanPtr plan;
};

namespace {

constexpr int max_parameters = 2 * max_columns;

// Appends the names of a set of columns, with `separator` between them, each in the given form.
void append_names(StringInfo sql, const Table &table, Columns set) {
    const char *separator = "";
    for (int i = 0; i < table.count; i++)
        if (set & columns({i})) {
            appendStringInfo(sql, "%s%s", separator, quote_identifier(table.columns[i].name));
            separator = ", ";
        }
}

// Appends all columns with their types, so that a change of type becomes a cast and not a wrong datum.
void append_results(StringInfo sql, const Table &table) {
    for (int i = 0; i < table.count; i++)
        appendStringInfo(sql, "%s%s::%s", i == 0 ? "" : ", ", quote_identifier(table.columns[i].name),
                         format_type_extended(table.columns[i].type, -1, FORMAT_TYPE_FORCE_QUALIFY));
}

// Appends the parameters of so many values.
void append_parameters(StringInfo sql, int count) {
    for (int i = 1; i <= count; i++)
        appendStringInfo(sql, "%s$%d", i == 1 ? "" : ", ", i);
}

// Appends WHERE with the keys as parameters from `parameter` on, and the lower bound behind them.
void append_where(StringInfo sql, const Table &table, Columns keys, int from, int parameter) {
    const char *separator = " WHERE ";
    for (int i = 0; i < table.count; i++)
        if (keys & columns({i})) {
            appendStringInfo(sql, "%s%s OPERATOR(pg_catalog.=) $%d", separator, quote_identifier(table.columns[i].name),
                             parameter++);
            separator = " AND ";
        }
    if (from >= 0)
        appendStringInfo(sql, "%s%s OPERATOR(pg_catalog.>=) $%d", separator, quote_identifier(table.columns[from].name),
                         parameter);
}

// Writes the statement's SQL.
const char *write_sql(const Table &table, const Statement &statement) {
    const char *name = quote_qualified_identifier(table.schema, table.name);
    const int given = std::popcount(statement.given);
    StringInfoData sql;
    initStringInfo(&sql);
    switch (statement.verb) {
    case Verb::find:
    case Verb::find_locked:
    case Verb::scan:
        appendStringInfoString(&sql, "SELECT ");
        append_results(&sql, table);
        appendStringInfo(&sql, " FROM %s", name);
        append_where(&sql, table, statement.keys, statement.from, 1);
        if (statement.verb == Verb::find_locked)
            appendStringInfoString(&sql, " FOR NO KEY UPDATE");
        break;
    case Verb::insert:
    case Verb::insert_if_absent:
        appendStringInfo(&sql, "INSERT INTO %s (", name);
        append_names(&sql, table, statement.given);
        appendStringInfoString(&sql, ") VALUES (");
        append_parameters(&sql, given);
        appendStringInfoString(&sql, statement.verb == Verb::insert ? ")" : ") ON CONFLICT DO NOTHING");
        break;
    case Verb::update: {
        int parameter = 1;
        appendStringInfo(&sql, "UPDATE %s SET ", name);
        for (int i = 0; i < table.count; i++)
            if (statement.given & columns({i})) {
                appendStringInfo(&sql, "%s%s = $%d", parameter == 1 ? "" : ", ",
                                 quote_identifier(table.columns[i].name), parameter);
                parameter++;
            }
        append_where(&sql, table, statement.keys, -1, given + 1);
        break;
    }
    case Verb::remove:
        appendStringInfo(&sql, "DELETE FROM %s", name);
        append_where(&sql, table, statement.keys, -1, 1);
        break;
    }
    return sql.data;
}

// Appends the types of a set of columns.
int append_types(const Table &table, Columns set, Oid *types) {
    int count = 0;
    for (int i = 0; i < table.count; i++)
        if (set & columns({i}))
            types[count++] = table.columns[i].type;
    return count;
}

// The statement's plan, saved; SPI is connected and the table's owner acts.
Statement &prepare(Table &table, Verb verb, Columns given, Columns keys, int from) {
    for (Statement *known = table.statements; known != nullptr; known = known->next)
        if (known->verb == verb && known->given == given && known->keys == keys && known->from == from)
            return *known;

    const Statement wanted = {nullptr, verb, given, keys, from, nullptr};
    Oid types[max_parameters];
    int count = append_types(table, given, types);
    count += append_types(table, keys, types + count);
    if (from >= 0)
        types[count++] = table.columns[from].type;
    SPIPlanPtr plan = SPI_prepare(write_sql(table, wanted), count, types);
    if (plan == nullptr || SPI_keepplan(plan) != 0)
        elog(ERROR, "access to table %s.%s could not be prepared: %s", table.schema, table.name,
             SPI_result_code_string(SPI_result));
    auto *statement = static_cast<Statement *>(MemoryContextAlloc(TopMemoryContext, sizeof(Statement)));
    *statement = wanted;
    statement->plan = plan;
    statement->next = table.statements;
    table.statements = statement;
    return *statement;
}

// The values of a statement's parameters: columns of a row, then keys by their columns' numbers, then the lower bound.
struct Parameters {
    Datum values[max_parameters];
    char nulls[max_parameters];
    int count = 0;

    void add(Datum value, bool isnull) {
        values[count] = value;
        nulls[count++] = isnull ? 'n' : ' ';
    }
    void add_columns(const Row &row, Columns set) {
        for (int i = 0; i < max_columns; i++)
            if (set & columns({i}))
                add(row.values[i], row.nulls[i]);
    }
    void add_keys(std::initializer_list<Key> keys, Key from) {
        for (int i = 0; i < max_columns; i++)
            for (const Key &key : keys)
                if (key.column == i)
                    add(key.value, false);
        if (from.column >= 0)
            add(from.value, false);
    }
};

// Runs a statement as the table's owner inside an SPI connection that the caller ends; the number of rows.
uint64 run(Table &table, Verb verb, Columns given, Columns keys, int from, Parameters &parameters, bool read_only) {
    const Caller caller = enter_owner(know(table).owner);
    const Statement &statement = prepare(table, verb, given, keys, from);
    const int result = SPI_execute_plan(statement.plan, parameters.values, parameters.nulls, read_only, 0);
    leave_owner(caller);
    if (result < 0)
        elog(ERROR, "access to table %s.%s failed: %s", table.schema, table.name, SPI_result_code_string(result));
    return SPI_processed;
}

// The i-th row of the result; its values live as long as the SPI connection.
void fetch(const Table &table, uint64 number, Row *row) {
    ItemPointerSetInvalid(&row->place);
    for (int i = 0; i < table.count; i++)
        row->values[i] = SPI_getbinval(SPI_tuptable->vals[number], SPI_tuptable->tupdesc, i + 1, &row->nulls[i]);
}

// Copies what a row points to into the current memory.
void copy_values(const Table &table, Row *row) {
    for (int i = 0; i < table.count; i++) {
        if (row->nulls[i])
            continue;
        int16 length;
        bool by_value;
        get_typlenbyval(table.columns[i].type, &length, &by_value);
        row->values[i] = datumCopy(row->values[i], by_value, length);
    }
}

// Raises when a change did not reach exactly the row it was meant for: somebody's trigger or view swallowed it.
void expect_one(const Table &table, const char *change, uint64 count) {
    if (count != 1)
        ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                        errmsg("%s of table %s.%s changed " UINT64_FORMAT " rows instead of one", change, table.schema,
                               table.name, count),
                        errhint("A trigger, a rule or a view of that table takes the row away.")));
}

} // namespace

bool spi_find(Table &table, std::initializer_list<Key> keys, Lock lock, bool read_only, Row *row) {
    const MemoryContext home = CurrentMemoryContext;
    know(table);
    Parameters parameters;
    parameters.add_keys(keys, Key{-1, 0});
    SPI_connect();
    const uint64 count = run(table, lock == Lock::none ? Verb::find : Verb::find_locked, 0, key_columns(keys), -1,
                             parameters, read_only);
    if (count > 0) {
        fetch(table, 0, row);
        const MemoryContext spi = MemoryContextSwitchTo(home);
        copy_values(table, row);
        MemoryContextSwitchTo(spi);
    }
    SPI_finish();
    return count > 0;
}

void spi_scan(Table &table, std::initializer_list<Key> keys, Key from, bool read_only,
              void (*visitor)(const Row &row, void *call), void *call) {
    const MemoryContext home = CurrentMemoryContext;
    know(table);
    Parameters parameters;
    parameters.add_keys(keys, from);
    SPI_connect();
    const uint64 count = run(table, Verb::scan, 0, key_columns(keys), from.column, parameters, read_only);
    const MemoryContext spi = MemoryContextSwitchTo(home);
    for (uint64 i = 0; i < count; i++) {
        Row row;
        fetch(table, i, &row);
        visitor(row, call);
    }
    MemoryContextSwitchTo(spi);
    SPI_finish();
}

bool spi_insert(Table &table, const Row &row, Columns given, bool if_absent) {
    know(table);
    Parameters parameters;
    parameters.add_columns(row, given);
    SPI_connect();
    const uint64 count = run(table, if_absent ? Verb::insert_if_absent : Verb::insert, given, 0, -1, parameters, false);
    SPI_finish();
    if (!if_absent)
        expect_one(table, "an insert", count);
    return count > 0;
}

void spi_update(Table &table, const Row &row, Columns changed) {
    know(table);
    Parameters parameters;
    parameters.add_columns(row, changed);
    parameters.add_columns(row, columns({0}));
    SPI_connect();
    const uint64 count = run(table, Verb::update, changed, columns({0}), -1, parameters, false);
    SPI_finish();
    expect_one(table, "an update", count);
}

void spi_remove(Table &table, const Row &row) {
    know(table);
    Parameters parameters;
    parameters.add_columns(row, columns({0}));
    SPI_connect();
    const uint64 count = run(table, Verb::remove, 0, columns({0}), -1, parameters, false);
    SPI_finish();
    expect_one(table, "a delete", count);
}

Datum spi_call(Table &table, const char *function, Oid argument_type, Datum argument, Oid result_type,
               SPIPlanPtr *plan) {
    const MemoryContext home = CurrentMemoryContext;
    const Caller caller = enter_owner(know(table).owner);
    SPI_connect();
    if (*plan == nullptr) {
        SPIPlanPtr made = SPI_prepare(psprintf("SELECT %s($1)", function), 1, &argument_type);
        if (made == nullptr || SPI_keepplan(made) != 0)
            elog(ERROR, "function %s could not be prepared: %s", function, SPI_result_code_string(SPI_result));
        *plan = made;
    }
    const int status = SPI_execute_plan(*plan, &argument, nullptr, false, 1);
    bool isnull = true;
    Datum result = 0;
    if (status == SPI_OK_SELECT && SPI_processed == 1)
        result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
    if (isnull)
        elog(ERROR, "function %s gave nothing", function);
    int16 length;
    bool by_value;
    get_typlenbyval(result_type, &length, &by_value);
    const MemoryContext spi = MemoryContextSwitchTo(home);
    result = datumCopy(result, by_value, length);
    MemoryContextSwitchTo(spi);
    SPI_finish();
    leave_owner(caller);
    return result;
}

} // namespace lifeguard::pg
