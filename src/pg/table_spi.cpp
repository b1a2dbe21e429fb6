#include "pg/table_paths.hpp"
#include "pg/text.hpp"

namespace lifeguard::pg {

enum class Verb { find, find_locked, scan, insert, insert_if_absent, update, remove };

// A saved plan of one table, written for it as it is known: gone with that knowledge.
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

// A table in SQL: as it is described, and as it is.
struct Described {
    const Table &table;
    const Knowledge &knowledge;

    const char *name(int column) const {
        return quote_identifier(get_attname(knowledge.relation, knowledge.attributes[column], false));
    }
    // The column's own type.
    Oid type(int column) const { return get_atttype(knowledge.relation, knowledge.attributes[column]); }
};

// A type's name as SQL reads it under any search_path.
const char *type_name(Oid type) {
    return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY);
}

// Appends the names of a set of columns.
void append_names(StringInfo sql, const Described &described, Columns set) {
    const char *separator = "";
    for (int i = 0; i < described.table.count; i++)
        if (set & columns({i})) {
            appendStringInfo(sql, "%s%s", separator, described.name(i));
            separator = ", ";
        }
}

// The type in which a column is read: that of the description, but for numbers, which are turned into it with care.
Oid read_type(const Described &described, int column) {
    if (!(described.knowledge.converted & columns({column})))
        return described.table.columns[column].type;
    switch (described.knowledge.storage[column]) {
    case Storage::int2:
        return INT2OID;
    case Storage::int8:
        return INT8OID;
    default:
        return NUMERICOID;
    }
}

// Appends all columns with their types, so that a change of type becomes a cast and not a wrong datum.
void append_results(StringInfo sql, const Described &described) {
    for (int i = 0; i < described.table.count; i++)
        appendStringInfo(sql, "%s%s::%s", i == 0 ? "" : ", ", described.name(i), type_name(read_type(described, i)));
}

// Appends the parameter of a column's new value, with a cast where storing it alone would not do.
void append_value(StringInfo sql, const Described &described, int column, int parameter) {
    const Oid own = described.type(column);
    appendStringInfo(sql, "$%d", parameter);
    if (!can_coerce_type(1, &described.table.columns[column].type, &own, COERCION_ASSIGNMENT))
        appendStringInfo(sql, "::%s", type_name(own));
}

// Appends a comparison of a column with a parameter, which is cast to the column's type where they do not compare.
void append_comparison(StringInfo sql, const Described &described, int column, const char *operation, int parameter) {
    const Oid own = getBaseType(described.type(column));
    const Oid type = described.table.columns[column].type;
    appendStringInfo(sql, "%s OPERATOR(pg_catalog.%s) $%d", described.name(column), operation, parameter);
    if (!can_coerce_type(1, &own, &type, COERCION_IMPLICIT) && !can_coerce_type(1, &type, &own, COERCION_IMPLICIT))
        appendStringInfo(sql, "::%s", type_name(own));
}

// Appends WHERE with the keys as parameters from `parameter` on, and the lower bound behind them.
void append_where(StringInfo sql, const Described &described, Columns keys, int from, int parameter) {
    const char *separator = " WHERE ";
    for (int i = 0; i < described.table.count; i++)
        if (keys & columns({i})) {
            appendStringInfoString(sql, separator);
            append_comparison(sql, described, i, "=", parameter++);
            separator = " AND ";
        }
    if (from >= 0) {
        appendStringInfoString(sql, separator);
        append_comparison(sql, described, from, ">=", parameter);
    }
}

// Writes the statement's SQL.
const char *write_sql(const Described &described, const Statement &statement) {
    const int count = described.table.count;
    const char *name = table_name(described.knowledge.relation);
    StringInfoData sql;
    initStringInfo(&sql);
    int parameter = 0;
    switch (statement.verb) {
    case Verb::find:
    case Verb::find_locked:
    case Verb::scan:
        appendStringInfoString(&sql, "SELECT ");
        append_results(&sql, described);
        appendStringInfo(&sql, " FROM %s", name);
        append_where(&sql, described, statement.keys, statement.from, 1);
        if (statement.verb == Verb::find_locked)
            appendStringInfoString(&sql, " FOR NO KEY UPDATE");
        break;
    case Verb::insert:
    case Verb::insert_if_absent:
        appendStringInfo(&sql, "INSERT INTO %s (", name);
        append_names(&sql, described, statement.given);
        appendStringInfoString(&sql, ") VALUES (");
        for (int i = 0; i < count; i++)
            if (statement.given & columns({i})) {
                appendStringInfoString(&sql, parameter == 0 ? "" : ", ");
                append_value(&sql, described, i, ++parameter);
            }
        appendStringInfoString(&sql, statement.verb == Verb::insert ? ")" : ") ON CONFLICT DO NOTHING");
        break;
    case Verb::update:
        appendStringInfo(&sql, "UPDATE %s SET ", name);
        for (int i = 0; i < count; i++)
            if (statement.given & columns({i})) {
                appendStringInfo(&sql, "%s%s = ", parameter == 0 ? "" : ", ", described.name(i));
                append_value(&sql, described, i, ++parameter);
            }
        append_where(&sql, described, statement.keys, -1, parameter + 1);
        break;
    case Verb::remove:
        appendStringInfo(&sql, "DELETE FROM %s", name);
        append_where(&sql, described, statement.keys, -1, 1);
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
const Statement &prepare(const Table &table, Knowledge &knowledge, Verb verb, Columns given, Columns keys, int from) {
    for (Statement *known = knowledge.statements; known != nullptr; known = known->next)
        if (known->verb == verb && known->given == given && known->keys == keys && known->from == from)
            return *known;

    const Statement wanted = {nullptr, verb, given, keys, from, nullptr};
    Oid types[max_parameters];
    int count = append_types(table, given, types);
    count += append_types(table, keys, types + count);
    if (from >= 0)
        types[count++] = table.columns[from].type;
    SPIPlanPtr plan = SPI_prepare(write_sql(Described{table, knowledge}, wanted), count, types);
    if (plan == nullptr || SPI_keepplan(plan) != 0)
        elog(ERROR, "access to table %s.%s could not be prepared: %s", table.schema, table.name,
             SPI_result_code_string(SPI_result));
    auto *statement = static_cast<Statement *>(MemoryContextAlloc(knowledge.memory, sizeof(Statement)));
    *statement = wanted;
    statement->plan = plan;
    statement->next = knowledge.statements;
    knowledge.statements = statement;
    return *statement;
}

// The table's knowledge, locked as far as its name in SQL must stay what it is.
Knowledge &hold_name(Table &table) {
    Relation relation;
    Knowledge &knowledge = hold(table, AccessShareLock, &relation);
    relation_close(relation, NoLock);
    return knowledge;
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
uint64 run(const Table &table, Knowledge &knowledge, Verb verb, Columns given, Columns keys, int from,
           Parameters &parameters, bool read_only) {
    const Caller caller = enter_owner(knowledge.owner);
    const Statement &statement = prepare(table, knowledge, verb, given, keys, from);
    const int result = SPI_execute_plan(statement.plan, parameters.values, parameters.nulls, read_only, 0);
    leave_owner(caller);
    if (result < 0)
        elog(ERROR, "access to table %s.%s failed: %s", table.schema, table.name, SPI_result_code_string(result));
    return SPI_processed;
}

// The i-th row of the result; its values live as long as the SPI connection.
void fetch(const Table &table, const Knowledge &knowledge, uint64 number, Row *row) {
    ItemPointerSetInvalid(&row->place);
    for (int i = 0; i < table.count; i++)
        row->values[i] = SPI_getbinval(SPI_tuptable->vals[number], SPI_tuptable->tupdesc, i + 1, &row->nulls[i]);
    if (knowledge.converted != 0)
        read_numbers(table, knowledge, row);
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

void free_statements(Statement *statements) {
    for (Statement *statement = statements; statement != nullptr; statement = statement->next)
        SPI_freeplan(statement->plan);
}

bool spi_find(Table &table, std::initializer_list<Key> keys, Lock lock, bool read_only, Row *row) {
    const MemoryContext home = CurrentMemoryContext;
    Knowledge &knowledge = hold_name(table);
    Parameters parameters;
    parameters.add_keys(keys, Key{-1, 0});
    SPI_connect();
    const uint64 count = run(table, knowledge, lock == Lock::none ? Verb::find : Verb::find_locked, 0,
                             key_columns(keys), -1, parameters, read_only);
    if (count > 0) {
        fetch(table, knowledge, 0, row);
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
    Knowledge &knowledge = hold_name(table);
    Parameters parameters;
    parameters.add_keys(keys, from);
    SPI_connect();
    const uint64 count = run(table, knowledge, Verb::scan, 0, key_columns(keys), from.column, parameters, read_only);
    const MemoryContext spi = MemoryContextSwitchTo(home);
    for (uint64 i = 0; i < count; i++) {
        Row row;
        fetch(table, knowledge, i, &row);
        visitor(row, call);
    }
    MemoryContextSwitchTo(spi);
    SPI_finish();
}

bool spi_insert(Table &table, const Row &row, Columns given, bool if_absent) {
    Knowledge &knowledge = hold_name(table);
    Parameters parameters;
    parameters.add_columns(row, given);
    SPI_connect();
    const uint64 count =
        run(table, knowledge, if_absent ? Verb::insert_if_absent : Verb::insert, given, 0, -1, parameters, false);
    SPI_finish();
    if (!if_absent)
        expect_one(table, "an insert", count);
    return count > 0;
}

void spi_update(Table &table, const Row &row, Columns changed) {
    Knowledge &knowledge = hold_name(table);
    Parameters parameters;
    parameters.add_columns(row, changed);
    parameters.add_columns(row, columns({0}));
    SPI_connect();
    const uint64 count = run(table, knowledge, Verb::update, changed, columns({0}), -1, parameters, false);
    SPI_finish();
    expect_one(table, "an update", count);
}

void spi_remove(Table &table, const Row &row) {
    Knowledge &knowledge = hold_name(table);
    Parameters parameters;
    parameters.add_columns(row, columns({0}));
    SPI_connect();
    const uint64 count = run(table, knowledge, Verb::remove, 0, columns({0}), -1, parameters, false);
    SPI_finish();
    expect_one(table, "a delete", count);
}

Datum spi_call(Table &table, const char *function, Oid argument_type, Datum argument, Oid result_type,
               SPIPlanPtr *plan) {
    const MemoryContext home = CurrentMemoryContext;
    const Caller caller = enter_owner(hold_name(table).owner);
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
