#include "kernel/traceparent.hpp"

#include <algorithm>
#include <utility>

#include "kernel/gate.hpp"
#include "kernel/services.hpp"

namespace tenon::host {
namespace {

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

constinit thread_local const TracedCall* innermost = nullptr;

}  // namespace

bool is_traceparent(std::string_view text) {
  return text.size() == traceparent_size && text.starts_with("00-") && text[35] == '-' && text[52] == '-' && is_id(text.substr(3, 32)) &&
         is_id(text.substr(36, 16)) && is_hex(text.substr(53, 2));
}

void TracedCall::begin(Call& call, std::string_view traceparent) noexcept {
  traceparent_ = traceparent;
  call_ = &call;
  outer_ = std::exchange(innermost, this);
  call.traced = true;
}

void TracedCall::end() noexcept {
  call_->traced = false;
  innermost = outer_;
}

std::string_view trace_of(const Call& call) noexcept {
  if (call.is_service) return static_cast<const ServiceCall&>(call).trace_parent();
  if (!call.traced) return {};
  for (const TracedCall* t = innermost; t != nullptr; t = t->outer_)
    if (t->call_ == &call) return t->traceparent_;
  return {};
}

std::string_view trace_of_this_thread() noexcept {
  const Frame* frame = current_frame();
  return frame == nullptr || frame->call == nullptr ? std::string_view() : trace_of(*frame->call);
}

}  // namespace tenon::host
