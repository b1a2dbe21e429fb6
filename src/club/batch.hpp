// Collects what a statement's rows ask for, and does it at the statement's end: one piece of code for one row and for
// many.
#pragma once

#include "club/job.hpp"

namespace lifeguard::club {

// Leaves the job for the statement's end when a row trigger asks for it; false: it is to be done now.
bool leave_for_later(FunctionCallInfo call, const Job &job);

// Does the jobs now; `run` is filled in for who reports on them.
void run_jobs(Run &run, Job *jobs, int count);

} // namespace lifeguard::club
