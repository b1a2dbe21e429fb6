// SQL expressions over `old` and `new`: checked when declared, planned once a backend, run without SPI where that
// works.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::rules {

struct RowChange;

// What an expression is for; decides which type it must have and whether it may return a set.
enum class Purpose { guard, stamp, action };

// A compiled expression. `call` is the node that the executor evaluates: a function called directly by it can tell so.
struct Expression {
    const char *source;
    const char *label; // names the rule in error contexts: guard "…" (pending -> approved)
    Purpose purpose;
    Oid type; // of the result
    int32 typmod;
    Oid table;
    int columns;            // of the table
    bool needs_search_path; // pinned: it calls what may resolve names
    bool needs_snapshot;    // it calls what may read tables
    Node *call;             // nullptr when it needs a query: then it runs by SPI
    ExprState *state;       // of `call`, or of a stamp's conversion when it needs a query
    SPIPlanPtr plan;
    Bitmapset *parameters; // which columns of old and new the query uses
};

// An analyzed expression and the range table its Vars refer to: what pg_depend is told.
struct AnalyzedExpression {
    Node *node;
    Node *result; // before it was converted to what its purpose needs
    List *range_table;
};

// Parses and checks `source` against the table's columns, in search_path pg_catalog, pg_temp; raises the parser's own
// error with the position. For a stamp, `column` gives the type to assign to.
AnalyzedExpression analyze_expression(Relation relation, const char *source, const char *label, Purpose purpose,
                                      AttrNumber column, bool *needs_query);

// Prepares an expression for evaluation; memory of the result is the current context's.
Expression *compile_expression(Relation relation, const char *source, const char *label, Purpose purpose,
                               AttrNumber column, List **analyzed);

// Evaluates for one row; the result lives in the row's short-lived memory.
Datum evaluate(Expression &expression, RowChange &change, bool *isnull);

// Frees what a context reset would not: the saved plan.
void free_expression(Expression &expression);

} // namespace lifeguard::rules
