#include "pg/subtransaction.hpp"
#include "journal/muting.hpp"
#include "journal/statement.hpp"

namespace lifeguard::journal {

namespace {

Statement read_muted = {
    "SELECT pg_catalog.to_regprocedure(m.function)::pg_catalog.oid FROM monitoring.muted_functions AS m", 0, {}};

// Reads which functions are muted.
void read(void *argument) {
    auto *muting = static_cast<Muting *>(argument);
    const Acting acting = act_as_owner(find_table("monitoring", "muted_functions"));
    const uint64 rows = run(&read_muted, nullptr);
    muting->muted = static_cast<Oid *>(palloc((rows + 1) * sizeof(Oid)));
    for (uint64 i = 0; i < rows; i++) {
        bool isnull;
        const Datum function = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
        if (!isnull)
            muting->muted[muting->count++] = DatumGetObjectId(function);
    }
    SPI_freetuptable(SPI_tuptable);
    stop_acting(acting);
}

// Finds out about a function.
void look_up(Oid function, Muting *muting) {
    muting->last = function;
    muting->last_is_ours = getExtensionOfObject(ProcedureRelationId, function) == muting->extension;
    muting->last_is_muted = false;
    for (int i = 0; i < muting->count; i++)
        muting->last_is_muted = muting->last_is_muted || muting->muted[i] == function;
}

} // namespace

Audience audience_of(const Report &report, Muting *muting) {
    const bool was_hidden = report.source == Source::swallowed || report.source == Source::translated;
    if (!was_hidden || !OidIsValid(report.function_id))
        return Audience::everybody;
    // somebody may have put a name there that cannot be parsed: better told than missed
    if (!muting->is_read && pg::try_in_subtransaction(read, muting) != nullptr)
        muting->count = 0;
    muting->is_read = true;
    if (report.function_id != muting->last)
        look_up(report.function_id, muting);
    return muting->last_is_ours ? Audience::ourselves : muting->last_is_muted ? Audience::muted : Audience::everybody;
}

} // namespace lifeguard::journal
