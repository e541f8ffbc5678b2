#include <string>

#include "abi/host_context.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "tenon/core.h"

namespace tenon::host {

ExitCode run_version(const Options& options) {
  const std::string abi = std::to_string(TENON_ABI_MAJOR) + "." + std::to_string(TENON_ABI_MINOR);
  if (options.json) {
    std::string out = "{\"format\":1,\"name\":\"tenond\",\"version\":\"" + host_version() + "\",\"abi\":\"" + abi +
                      "\",\"sdk\":\"" TENON_SDK_VERSION "\",\"interfaces\":[";
    bool first = true;
    for (const InterfaceInfo& i : offered_interfaces()) {
      out += first ? "{\"id\":" : ",{\"id\":";
      first = false;
      append_json_string(out, i.id);
      out += ",\"size\":" + std::to_string(i.size) + (i.runtime_only ? ",\"for\":\"runtime\"}" : ",\"for\":\"all\"}");
    }
    return print(out + "]}\n");
  }
  std::string out = "tenond " + host_version() + "\nABI " + abi + ", SDK " TENON_SDK_VERSION "\ninterfaces:\n";
  for (const InterfaceInfo& i : offered_interfaces())
    out += "  " + std::string(i.id) + (i.runtime_only ? " (RuntimeModules only)" : "") + "\n";
  return print(out);
}

}  // namespace tenon::host
