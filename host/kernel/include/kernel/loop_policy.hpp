// What becomes of a background loop that ends by itself, and what the operator decided about it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tenon::host {

enum class LoopPolicy : std::uint8_t {
  ignore,   ///< nothing; health is not concerned
  restart,  ///< begins again after a pause that doubles; degraded meanwhile
  fail,     ///< the owner is unhealthy from then on
};
/// "ignore", "restart", "fail"
std::string_view policy_name(LoopPolicy policy);

struct LoopDecision {
  LoopPolicy policy = LoopPolicy::fail;
  std::string key;  ///< of the configuration, as messages write it: "modules.orders.loops.poll"
};

/// By the names of an owner's loops; "*" decides on every loop that is not named, also on one without a name.
using LoopDecisions = std::map<std::string, LoopDecision, std::less<>>;
/// nullptr: it is up to the owner.
const LoopDecision* decision_on(const LoopDecisions& decisions, std::string_view loop);

}  // namespace tenon::host
