#include "pg/boundary.hpp"
#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "rules/definition.hpp"

namespace lifeguard::rules {

// Raises LG013 for one argument; `reason` completes the sentence.
[[noreturn]] static void unreadable(Relation relation, const char *argument, const char *reason) {
    ereport(ERROR, (errcode(err::unreadable_rules),
                    errmsg("the rules of table %s cannot be read: %s", pg::table_name(relation), reason),
                    errdetail_internal(
                        "%s", pg::Detail().add("table", pg::table_name(relation)).add("argument", argument).text()),
                    errhint("The arguments of lifeguard's triggers are written by its functions. "
                            "lifeguard.forget('%s') removes them all; then declare the rules again.",
                            pg::table_name(relation)),
                    errtable(relation)));
    pg_unreachable();
}

// Parses JSON; nullptr instead of the server's own error, which would not name the table.
static Jsonb *parse(const char *argument) {
    return pg::boundary([&]() -> Jsonb * {
        try {
            return pg::guarded(
                [&] { return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(argument))); });
        } catch (const pg::ServerError &error) {
            const int sqlstate = error.record->sqlerrcode;
            if (sqlstate == ERRCODE_QUERY_CANCELED || ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES)
                throw;
            return nullptr; // the caller raises LG013 at once, so nothing is swallowed
        }
    });
}

// The value under `key`; false where there is none or it is JSON's null.
static bool find(const Definition &definition, const char *key, JsonbValue *value) {
    return getKeyJsonValueFromContainer(&definition.object->root, key, static_cast<int>(strlen(key)), value) !=
               nullptr &&
           value->type != jbvNull;
}

const char *optional_text(Relation relation, const Definition &definition, const char *key) {
    JsonbValue value;
    if (!find(definition, key, &value))
        return nullptr;
    if (value.type != jbvString)
        unreadable(relation, definition.source, psprintf("\"%s\" must be a text", key));
    return pnstrdup(value.val.string.val, value.val.string.len);
}

const char *required_text(Relation relation, const Definition &definition, const char *key) {
    const char *text = optional_text(relation, definition, key);
    if (text == nullptr)
        unreadable(relation, definition.source, psprintf("\"%s\" is missing", key));
    return text;
}

List *required_texts(Relation relation, const Definition &definition, const char *key) {
    JsonbValue value;
    if (!find(definition, key, &value) || value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
        unreadable(relation, definition.source, psprintf("\"%s\" must be an array of texts", key));

    List *texts = NIL;
    JsonbIterator *iterator = JsonbIteratorInit(value.val.binary.data);
    JsonbValue element;
    JsonbIteratorToken token;
    while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE) {
        if (token != WJB_ELEM)
            continue;
        if (element.type != jbvString)
            unreadable(relation, definition.source, psprintf("\"%s\" must be an array of texts", key));
        texts = lappend(texts, pnstrdup(element.val.string.val, element.val.string.len));
    }
    return texts;
}

Definition read_definition(Relation relation, const char *argument) {
    Definition definition{argument, parse(argument), nullptr};
    if (definition.object == nullptr)
        unreadable(relation, argument, "an argument is no JSON");
    if (!JB_ROOT_IS_OBJECT(definition.object))
        unreadable(relation, argument, "an argument is no JSON object");
    definition.kind = required_text(relation, definition, "kind");
    return definition;
}

} // namespace lifeguard::rules
