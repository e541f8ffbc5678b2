#include <string_view>

#include "commands.hpp"
#include "tenon/container.h"
#include "tenon/lease.h"

namespace tenon::host {

void note_in_process(const Manifest& manifest, Diagnostics& diagnostics) {
  for (const InterfaceNeed& need : manifest.needs)
    for (const std::string_view id : {TENON_CONTAINER, TENON_LEASE})
      if (need.id == id) {
        diagnostics.note(
            "plan.in_process_only", need.where,
            "`" + manifest.name + "` uses `" + need.id + "`, so it can only run in the process of the host, never isolated from it");
        return;
      }
}

}  // namespace tenon::host
