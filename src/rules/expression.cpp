#include "pg/errors.hpp"
#include "pg/search_path.hpp"
#include "pg/text.hpp"
#include "rules/expression.hpp"
#include "rules/feature.hpp"
#include "rules/nesting.hpp"

namespace lifeguard::rules {

// Pins also what changes the meaning of a text that is parsed, not only of its names.
static int pin_language() {
    const int level = pg::pin_search_path();
    constexpr const char *settings[][2] = {{"standard_conforming_strings", "on"},
                                           {"transform_null_equals", "off"},
                                           {"datestyle", "ISO, YMD"},
                                           {"intervalstyle", "postgres"}};
    for (const auto &setting : settings)
        (void)set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    return level;
}

namespace {

// What the error context names while a rule is parsed or run.
struct Whereabouts {
    const char *label;
    const char *table;
    const char *source;
};

// Says which rule an error came from, and moves a parser's position from the user's statement to the rule's own text.
void describe(void *argument) {
    const auto *where = static_cast<const Whereabouts *>(argument);
    const int position = geterrposition();
    if (position > 0 && where->source != nullptr) {
        errposition(0);
        internalerrposition(position);
        internalerrquery(where->source);
    }
    errcontext("%s of table %s", where->label, where->table);
}

// Keeps `describe` on the server's context stack for one call; popped by hand, since a longjmp resets the stack itself.
struct ContextEntry {
    Whereabouts where;
    ErrorContextCallback entry;

    void push() {
        entry.callback = describe;
        entry.arg = &where;
        entry.previous = error_context_stack;
        error_context_stack = &entry;
    }
    void pop() const { error_context_stack = entry.previous; }
};

// Parses the text as one expression and nothing else: no alias, no FROM, no second column.
Node *parse_single_expression(Relation table, const char *source, const char *label) {
    List *statements = raw_parser(source, RAW_PARSE_PLPGSQL_EXPR);
    const auto *select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
    const bool plain = list_length(select->targetList) == 1 && select->fromClause == NIL &&
                       select->whereClause == nullptr && select->groupClause == NIL &&
                       select->havingClause == nullptr && select->windowClause == NIL &&
                       select->distinctClause == NIL && select->sortClause == NIL && select->limitOffset == nullptr &&
                       select->limitCount == nullptr && select->lockingClause == NIL;
    auto *target = plain ? linitial_node(ResTarget, select->targetList) : nullptr;
    if (target == nullptr || target->name != nullptr)
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s is not a single SQL expression", label),
                        errdetail_internal("%s", pg::Detail().add("expression", source).text()),
                        errhint("Write one expression over old and new; put a query in parentheses.")));
    if (IsA(target->val, ColumnRef) && IsA(llast(castNode(ColumnRef, target->val)->fields), A_Star))
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s is a list of all columns, not an expression", label),
                        errhint("Name a column, or the row itself: new."), pg::errrule(table, label)));
    return target->val;
}

// Refuses what a row cannot give: system columns, and generated columns before they are computed.
void refuse_unavailable_columns(Relation table, Node *node, const char *label, Purpose purpose) {
    ListCell *cell;
    foreach (cell, pull_vars_of_level(node, 0)) {
        const auto *var = lfirst_node(Var, cell);
        if (var->varattno < 0)
            ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s refers to a system column", label),
                            pg::errrule(table, label)));
        const bool stored = purpose == Purpose::action || var->varno != PRS2_NEW_VARNO;
        for (int i = 0; i < RelationGetNumberOfAttributes(table); i++) {
            const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(table), i);
            if (attribute->attgenerated == '\0' || (stored && attribute->attgenerated == ATTRIBUTE_GENERATED_STORED))
                continue; // virtual ones are computed when they are read, and rules read rows
            if ((var->varattno == 0 || var->varattno == attribute->attnum))
                ereport(ERROR,
                        (errcode(err::invalid_rule),
                         errmsg("%s refers to new.%s, a generated column", label, NameStr(attribute->attname)),
                         errhint("Generated columns are computed after the rules have run; use the columns it is "
                                 "made of, and name them instead of the whole row."),
                         pg::errrule(table, label)));
        }
    }
}

// Makes `old` and `new` visible as tables of one row each.
void add_row_names(ParseState *parse, Relation table) {
    for (const char *name : {"old", "new"}) {
        ParseNamespaceItem *item =
            addRangeTableEntryForRelation(parse, table, AccessShareLock, makeAlias(name, NIL), false, false);
        addNSItemToQuery(parse, item, false, true, true);
    }
}

// Gives the expression the type its purpose needs.
Node *coerce(ParseState *parse, Relation table, Node *node, const char *label, Purpose purpose, AttrNumber column) {
    switch (purpose) {
    case Purpose::guard:
        return coerce_to_boolean(parse, node, "guard");
    case Purpose::action:
        return exprType(node) == UNKNOWNOID ? coerce_to_specific_type(parse, node, TEXTOID, "action") : node;
    case Purpose::stamp:
        break;
    }
    const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
    Node *coerced = coerce_to_target_type(parse, node, exprType(node), attribute->atttypid, attribute->atttypmod,
                                          COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
    if (coerced == nullptr)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s: column \"%s\" is of type %s but the expression is of type %s", label,
                               NameStr(attribute->attname), format_type_be(attribute->atttypid),
                               format_type_be(exprType(node))),
                        errhint("Cast the expression.")));
    return coerced;
}

// Built-in functions that are not immutable, and yet depend on no name.
constexpr Oid nameless_functions[] = {
    F_NOW,    F_STATEMENT_TIMESTAMP, F_CLOCK_TIMESTAMP, F_CURRENT_SETTING_TEXT, F_CURRENT_SETTING_TEXT_BOOL,
    F_CONCAT, F_GEN_RANDOM_UUID};

// True when the function sets search_path itself.
bool pins_search_path(HeapTuple function) {
    bool isnull;
    const Datum settings = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proconfig, &isnull);
    if (isnull)
        return false;
    Datum *elements;
    int count;
    deconstruct_array(DatumGetArrayTypeP(settings), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
    for (int i = 0; i < count; i++)
        if (std::string_view(TextDatumGetCString(elements[i])).starts_with("search_path="))
            return true;
    return false;
}

// True for lifeguard's own C functions, which pin the path where they run what others wrote, and see what is stored.
bool is_own_function(HeapTuple function) {
    bool isnull;
    const Datum library = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_probin, &isnull);
    return reinterpret_cast<Form_pg_proc>(GETSTRUCT(function))->prolang == ClanguageId && !isnull &&
           strcmp(TextDatumGetCString(library), "$libdir/lifeguard") == 0;
}

// What evaluating an expression needs around it.
struct Needs {
    bool search_path; // pinned: it may resolve names
    bool snapshot;    // a fresh one: it may read tables
};

// Adds what a function needs. Any whose body the server does not know may do anything; built-in ones may look outside
// their arguments, as to_regclass() does.
bool add_needs(Oid function, void *context) {
    auto &needs = *static_cast<Needs *>(context);
    for (const Oid nameless : nameless_functions)
        if (function == nameless)
            return false;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    if (form->prolang == INTERNALlanguageId) {
        needs.search_path = needs.search_path || form->provolatile != PROVOLATILE_IMMUTABLE;
    } else if (!is_own_function(tuple)) {
        needs.snapshot = true;
        needs.search_path = needs.search_path || !pins_search_path(tuple);
    }
    ReleaseSysCache(tuple);
    return false; // go on
}

// Walks an expression for what it needs; a domain's checks may be anything.
bool find_needs(Node *node, void *context) {
    if (node == nullptr)
        return false;
    if (IsA(node, CoerceToDomain))
        *static_cast<Needs *>(context) = Needs{true, true};
    check_functions_in_node(node, add_needs, context);
    return pg::walk_expression(node, find_needs, context);
}

// Numbers the columns of old and new as parameters of a query: old 1..n, new n+1..2n, the whole rows 2n+1 and 2n+2.
int parameter_number(int columns, bool is_new, AttrNumber column) {
    if (column == 0)
        return 2 * columns + (is_new ? 2 : 1);
    return (is_new ? columns : 0) + column;
}

// Parser hook: turns old.x, new.x, old and new into parameters, where no table of the query has that name.
Node *resolve_row_reference(ParseState *parse, ColumnRef *reference, Node *resolved) {
    auto *expression = static_cast<Expression *>(parse->p_ref_hook_state);
    const int length = list_length(reference->fields);
    if (resolved != nullptr || length > 2 || !IsA(linitial(reference->fields), String))
        return nullptr;
    const char *row = strVal(linitial(reference->fields));
    const bool is_new = strcmp(row, "new") == 0;
    if (!is_new && strcmp(row, "old") != 0)
        return nullptr;

    auto *parameter = makeNode(Param);
    AttrNumber column = 0;
    if (length == 2 && IsA(lsecond(reference->fields), String)) {
        column = get_attnum(expression->table, strVal(lsecond(reference->fields)));
        if (column <= 0)
            return nullptr;
        get_atttypetypmodcoll(expression->table, column, &parameter->paramtype, &parameter->paramtypmod,
                              &parameter->paramcollid);
    } else { // new or new.*
        parameter->paramtype = get_rel_type_id(expression->table);
        parameter->paramtypmod = -1;
        parameter->paramcollid = InvalidOid;
    }
    parameter->paramkind = PARAM_EXTERN;
    parameter->paramid = parameter_number(expression->columns, is_new, column);
    parameter->location = reference->location;

    const MemoryContext home = MemoryContextSwitchTo(GetMemoryChunkContext(expression));
    expression->parameters = bms_add_member(expression->parameters, parameter->paramid);
    MemoryContextSwitchTo(home);
    return reinterpret_cast<Node *>(parameter);
}

// Installs the hook; called by the server whenever it parses the query again.
void set_up_parser(ParseState *parse, void *expression) {
    parse->p_post_columnref_hook = resolve_row_reference;
    parse->p_ref_hook_state = expression;
}

// Prepares the query of an expression with sub-selects or sets, once for each compilation.
void prepare_query(Expression &expression) {
    const char *form =
        psprintf(expression.purpose == Purpose::guard ? "SELECT CAST((%s\n) AS pg_catalog.bool)" : "SELECT (%s\n)",
                 expression.source);
    SPIPrepareOptions options = {};
    options.parserSetup = set_up_parser;
    options.parserSetupArg = &expression;
    options.parseMode = RAW_PARSE_DEFAULT;
    const int level = pin_language();
    SPIPlanPtr plan = SPI_prepare_extended(form, &options);
    pg::unpin_search_path(level);
    if (plan == nullptr || SPI_keepplan(plan) != 0)
        elog(ERROR, "%s could not be prepared: %s", expression.label, SPI_result_code_string(SPI_result));
    expression.plan = plan;
}

// The columns that the query uses, as its parameters.
ParamListInfo bind(const Expression &expression, const RowChange &change) {
    const int columns = RelationGetNumberOfAttributes(change.table);
    ParamListInfo list = makeParamList(2 * columns + 2);
    memset(list->params, 0, sizeof(ParamExternData) * (2 * columns + 2));
    for (int number = -1; (number = bms_next_member(expression.parameters, number)) > 0;) {
        ParamExternData &parameter = list->params[number - 1];
        const bool whole = number > 2 * columns;
        const bool is_new = whole ? number == 2 * columns + 2 : number > columns;
        TupleTableSlot *row = is_new ? change.after : change.before;
        parameter.pflags = 0;
        if (whole) {
            parameter.ptype = RelationGetForm(change.table)->reltype;
            parameter.value = ExecFetchSlotHeapTupleDatum(row);
            parameter.isnull = false;
        } else {
            const int column = is_new ? number - columns : number;
            parameter.ptype = TupleDescAttr(RelationGetDescr(change.table), column - 1)->atttypid;
            parameter.value = slot_getattr(row, column, &parameter.isnull);
        }
    }
    return list;
}

// Runs the expression as a query. Not read-only: it must see what earlier rows of the statement did.
Datum evaluate_query(Expression &expression, const RowChange &change, bool *isnull) {
    Datum result = 0;
    *isnull = true;
    const MemoryContext short_lived = change.compiled->expressions->ecxt_per_tuple_memory;

    SPI_connect();
    if (expression.plan == nullptr)
        prepare_query(expression);
    SPIExecuteOptions options = {};
    options.params = bind(expression, change);
    if (SPI_execute_plan_extended(expression.plan, &options) != SPI_OK_SELECT)
        elog(ERROR, "%s could not be run: %s", expression.label, SPI_result_code_string(SPI_result));
    if (SPI_processed > 0 && expression.purpose != Purpose::action) {
        Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
        if (expression.state != nullptr) { // a stamp's conversion to its column
            ExprContext *row = change.compiled->expressions;
            row->caseValue_datum = value;
            row->caseValue_isNull = *isnull;
            value = ExecEvalExprSwitchContext(expression.state, row, isnull);
        }
        if (!*isnull) {
            int16 length;
            bool by_value;
            get_typlenbyval(expression.type, &length, &by_value);
            const MemoryContext home = MemoryContextSwitchTo(short_lived);
            result = datumCopy(value, by_value, length);
            MemoryContextSwitchTo(home);
        }
    }
    SPI_finish();
    return result;
}

} // namespace

AnalyzedExpression analyze_expression(Relation table, const char *source, const char *label, Purpose purpose,
                                      AttrNumber column, bool *needs_query) {
    ContextEntry context{{label, pg::table_name(table), source}, {}};
    context.push();
    const int level = pin_language();

    ParseState *parse = make_parsestate(nullptr);
    parse->p_sourcetext = source;
    add_row_names(parse, table);
    Node *node = transformExpr(parse, parse_single_expression(table, source, label), EXPR_KIND_SELECT_TARGET);
    Node *result = exprType(node) == UNKNOWNOID ? coerce_to_specific_type(parse, node, TEXTOID, "rule") : node;
    node = coerce(parse, table, node, label, purpose, column);
    assign_expr_collations(parse, node);
    if (parse->p_hasAggs || parse->p_hasWindowFuncs)
        ereport(ERROR,
                (errcode(err::invalid_rule), errmsg("%s uses an aggregate or window function over a single row", label),
                 errhint("Put it into a sub-select."), pg::errrule(table, label)));
    if (parse->p_hasTargetSRFs && purpose != Purpose::action)
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s returns a set; one value is needed", label),
                        pg::errrule(table, label)));
    refuse_unavailable_columns(table, node, label, purpose);
    *needs_query = parse->p_hasSubLinks || parse->p_hasTargetSRFs;
    const AnalyzedExpression analyzed{node, result, parse->p_rtable};
    free_parsestate(parse);

    pg::unpin_search_path(level);
    context.pop();
    return analyzed;
}

// Converts what a stamp's query returns as an assignment to the column would: too long is an error, not cut.
static ExprState *compile_conversion(Relation table, Node *result, const char *label, AttrNumber column) {
    auto *placeholder = makeNode(CaseTestExpr);
    placeholder->typeId = exprType(result);
    placeholder->typeMod = exprTypmod(result);
    placeholder->collation = exprCollation(result);
    ParseState *parse = make_parsestate(nullptr);
    Node *converted = coerce(parse, table, reinterpret_cast<Node *>(placeholder), label, Purpose::stamp, column);
    assign_expr_collations(parse, converted);
    free_parsestate(parse);
    return ExecInitExpr(expression_planner(reinterpret_cast<Expr *>(converted)), nullptr);
}

Expression *compile_expression(Relation table, const char *source, const char *label, Purpose purpose,
                               AttrNumber column, List **analyzed) {
    bool needs_query;
    auto *found = static_cast<AnalyzedExpression *>(palloc(sizeof(AnalyzedExpression)));
    *found = analyze_expression(table, source, label, purpose, column, &needs_query);
    *analyzed = lappend(*analyzed, found);

    auto *expression = static_cast<Expression *>(palloc0(sizeof(Expression)));
    expression->source = source;
    expression->label = label;
    expression->purpose = purpose;
    expression->type = exprType(found->node);
    expression->typmod = exprTypmod(found->node);
    expression->table = RelationGetRelid(table);
    expression->columns = RelationGetNumberOfAttributes(table);
    expression->needs_search_path = expression->needs_snapshot = true;
    if (purpose == Purpose::stamp) {
        const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
        expression->type = attribute->atttypid;
        expression->typmod = attribute->atttypmod;
    }
    if (needs_query) {
        if (purpose == Purpose::stamp)
            expression->state = compile_conversion(table, found->result, label, column);
        return expression;
    }

    ContextEntry context{{label, pg::table_name(table), nullptr}, {}};
    context.push();
    auto *planned = reinterpret_cast<Node *>(expression_planner(static_cast<Expr *>(copyObjectImpl(found->node))));
    ChangeVarNodes(planned, PRS2_OLD_VARNO, INNER_VAR, 0);
    ChangeVarNodes(planned, PRS2_NEW_VARNO, OUTER_VAR, 0);
    Needs needs = {};
    find_needs(planned, &needs);
    expression->needs_search_path = needs.search_path;
    expression->needs_snapshot = needs.snapshot;
    expression->state = ExecInitExpr(reinterpret_cast<Expr *>(planned), nullptr);
    expression->call = planned;
    context.pop();
    return expression;
}

Datum evaluate(Expression &expression, RowChange &change, bool *isnull) {
    ContextEntry context{{expression.label, change.compiled->name, nullptr}, {}};
    context.push();
    const int level = expression.needs_search_path ? pg::pin_search_path() : 0;
    current_frame->doing = expression.label;
    Datum result;
    if (expression.call != nullptr) {
        ExprContext *row = change.compiled->expressions;
        row->ecxt_innertuple = change.before;
        row->ecxt_outertuple = change.after;
        if (expression
                .needs_snapshot) { // it shall see what earlier rows of the statement did, and in an action this one
            CommandCounterIncrement();
            PushActiveSnapshot(GetTransactionSnapshot());
        }
        result = ExecEvalExprSwitchContext(expression.state, row, isnull);
        if (expression.needs_snapshot)
            PopActiveSnapshot();
    } else {
        result = evaluate_query(expression, change, isnull);
    }
    current_frame->doing = nullptr;
    if (level > 0)
        pg::unpin_search_path(level);
    context.pop();
    return result;
}

void free_expression(Expression &expression) {
    if (expression.plan != nullptr)
        SPI_freeplan(expression.plan);
    expression.plan = nullptr;
}

} // namespace lifeguard::rules
