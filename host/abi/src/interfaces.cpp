#include "interfaces.hpp"

#include <array>

#include "container_part.hpp"
#include "events_part.hpp"
#include "services_part.hpp"
#include "state_part.hpp"
#include "storage_part.hpp"
#include "strict_tables.hpp"
#include "tables.hpp"
#include "tasks_part.hpp"

namespace tenon::host {

std::span<const Interface> interfaces() {
  static const std::array all = {
      Interface{{TENON_AUDIT, sizeof(tenon_audit)}, &audit_table, nullptr, PartId::count, &strict_audit_table},
      Interface{{TENON_CALLS, sizeof(tenon_calls)}, &calls_table, nullptr, PartId::count, &strict_calls_table},
      Interface{{TENON_CHECK, sizeof(tenon_check)}, &check_table, nullptr, PartId::count, &strict_check_table},
      Interface{{TENON_CONFIG, sizeof(tenon_config)}, &config_table, nullptr, PartId::count, &strict_config_table},
      Interface{
          {TENON_CONTAINER, sizeof(tenon_container)}, &container_table, &ContainerPart::make, ContainerPart::id, &strict_container_table},
      Interface{{TENON_EVENTS, sizeof(tenon_events)}, &events_table, &EventsPart::make, EventsPart::id, &strict_events_table},
      Interface{{TENON_LEASE, sizeof(tenon_lease)}, &lease_table, &ContainerPart::make, ContainerPart::id, &strict_lease_table},
      Interface{{TENON_LOG, sizeof(tenon_log)}},
      Interface{{TENON_LOG_SINK, sizeof(tenon_log_sink), true}, &log_sink_table, nullptr, PartId::count, &strict_log_sink_table},
      Interface{{TENON_METRICS, sizeof(tenon_metrics)}, &metrics_table, &make_metrics_part, PartId::metrics, &strict_metrics_table},
      Interface{{TENON_SERVICES, sizeof(tenon_services)}, &services_table, &make_services_part, PartId::services, &strict_services_table},
      Interface{{TENON_STATE, sizeof(tenon_state)}, &state_table, &StatePart::make, StatePart::id, &strict_state_table},
      Interface{{TENON_STORAGE, sizeof(tenon_storage)}, &storage_table, &StoragePart::make, StoragePart::id, &strict_storage_table},
      Interface{{TENON_TASKS, sizeof(tenon_tasks)}, &tasks_table, &TasksPart::make, TasksPart::id, &strict_tasks_table},
  };
  return all;
}

const std::vector<InterfaceInfo>& offered_interfaces() {
  static const std::vector<InterfaceInfo> all = [] {
    std::vector<InterfaceInfo> out;
    for (const Interface& i : interfaces()) out.push_back(i.info);
    return out;
  }();
  return all;
}

}  // namespace tenon::host
