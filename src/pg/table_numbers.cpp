#include "pg/errors.hpp"
#include "pg/table_paths.hpp"
#include "pg/text.hpp"

namespace lifeguard::pg {

namespace {

// The number, where it is a whole one that int4 can hold.
bool read_numeric(Datum value, int32 *whole) {
    const Numeric number = DatumGetNumeric(value);
    bool failed = false;
    *whole = numeric_int4_opt_error(number, &failed); // rounds
    bool exact = false;
    if (!failed) {
        const Numeric again = int64_to_numeric(*whole);
        exact = DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number), NumericGetDatum(again)));
        pfree(again);
    }
    if (NumericGetDatum(number) != value)
        pfree(number);
    return exact;
}

// Raises LG118: a number that is not whole, or too large.
[[noreturn]] void not_whole(const Table &table, const Knowledge &knowledge, const Row &row, int column) {
    const auto text = [](Oid type, Datum value) {
        Oid output;
        bool is_varlena;
        getTypeOutputInfo(type, &output, &is_varlena);
        return OidOutputFunctionCall(output, value);
    };
    const Storage storage = knowledge.storage[column];
    const char *value = text(storage == Storage::int8 ? INT8OID : NUMERICOID, row.values[column]);
    const char *name = table_name(knowledge.relation);
    const char *column_name = get_attname(knowledge.relation, knowledge.attributes[column], false);
    const bool has_key = column != 0 && !row.nulls[0];
    const char *key = has_key ? text(table.columns[0].type, row.values[0]) : nullptr;
    ereport(
        ERROR,
        (errcode(err::not_whole_dollars),
         errmsg("NOT_WHOLE_DOLLARS: %s is no whole number from %d to %d (column %s of table %s%s%s)", value,
                PG_INT32_MIN, PG_INT32_MAX, quote_identifier(column_name), name, has_key ? ", row " : "",
                has_key ? key : ""),
         errdetail_internal(
             "%s", Detail().add("table", name).add("column", column_name).add("key", key).add("value", value).text()),
         errhint("The club counts whole dollars and whole pull-ups: mend the row.")));
    pg_unreachable();
}

} // namespace

Storage storage_of(Oid type) {
    switch (type) {
    case INT4OID:
        return Storage::int4;
    case INT2OID:
        return Storage::int2;
    case INT8OID:
        return Storage::int8;
    default:
        return Storage::numeric;
    }
}

void read_numbers(const Table &table, const Knowledge &knowledge, Row *row) {
    for (int i = 0; i < table.count; i++) {
        if (!(knowledge.converted & columns({i})) || row->nulls[i])
            continue;
        int32 whole = 0;
        bool exact = true;
        switch (knowledge.storage[i]) {
        case Storage::int4:
            continue;
        case Storage::int2:
            whole = DatumGetInt16(row->values[i]);
            break;
        case Storage::int8:
            whole = static_cast<int32>(DatumGetInt64(row->values[i]));
            exact = whole == DatumGetInt64(row->values[i]);
            break;
        case Storage::numeric:
            exact = read_numeric(row->values[i], &whole);
            break;
        }
        if (!exact)
            not_whole(table, knowledge, *row, i);
        row->values[i] = Int32GetDatum(whole);
    }
}

Datum stored_number(Storage storage, int32 typmod, Datum value) {
    switch (storage) {
    case Storage::int2:
        return DirectFunctionCall1(i4toi2, value);
    case Storage::int8:
        return DirectFunctionCall1(int48, value);
    case Storage::numeric: {
        const Datum number = DirectFunctionCall1(int4_numeric, value);
        return typmod < 0 ? number : DirectFunctionCall2(numeric, number, Int32GetDatum(typmod));
    }
    case Storage::int4:
        break;
    }
    return value;
}

} // namespace lifeguard::pg
