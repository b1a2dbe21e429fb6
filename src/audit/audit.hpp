// audit: who changed which row, from what to what, in monitoring.audit_log.
#pragma once

namespace lifeguard::audit {

// Registers the kind of rule and defines the audit's settings.
void init();

} // namespace lifeguard::audit
