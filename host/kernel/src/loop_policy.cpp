#include "kernel/loop_policy.hpp"

namespace tenon::host {

std::string_view policy_name(LoopPolicy policy) {
  switch (policy) {
    case LoopPolicy::ignore:
      return "ignore";
    case LoopPolicy::restart:
      return "restart";
    case LoopPolicy::fail:
      break;
  }
  return "fail";
}

const LoopDecision* decision_on(const LoopDecisions& decisions, std::string_view loop) {
  auto found = decisions.find(loop);
  if (found == decisions.end()) found = decisions.find("*");
  return found == decisions.end() ? nullptr : &found->second;
}

}  // namespace tenon::host
