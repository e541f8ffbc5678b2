#include "breaker.hpp"

#include <new>

namespace tenon::host {

bool is_provider_failure(Code code) {
  return code == Code::unknown || code == Code::deadline_exceeded || code == Code::internal || code == Code::unavailable ||
         code == Code::data_loss;
}

Breaker::Admission Breaker::admit() {
  if (closed_.load(std::memory_order_acquire)) [[likely]]
    return Admission::yes;
  const std::lock_guard lock(mutex_);
  if (closed_.load(std::memory_order_relaxed)) return Admission::yes;
  if (probing_ || now_() - opened_at_ < options_.open_ns) return Admission::no;
  probing_ = true;
  return Admission::probe;
}

void Breaker::ended(Admission admission, Outcome outcome) noexcept {
  if (admission == Admission::no) return;
  if (admission == Admission::yes && outcome != Outcome::failure) return;
  const std::lock_guard lock(mutex_);
  if (admission == Admission::probe) {
    probing_ = false;
    if (outcome == Outcome::failure) return open(now_());
    if (outcome == Outcome::success && ++successes_ >= options_.successes) {
      failures_.clear();
      closed_.store(true, std::memory_order_release);
    }
    return;
  }
  if (!closed_.load(std::memory_order_relaxed)) return;  // began before it opened
  const std::int64_t now = now_();
  while (!failures_.empty() && now - failures_.front() > options_.window_ns) failures_.pop_front();
  try {
    failures_.push_back(now);
  } catch (const std::bad_alloc&) {  // one that does not count
    return;
  }
  if (failures_.size() >= options_.failures) open(now);
}

void Breaker::open(std::int64_t now) {
  failures_.clear();
  successes_ = 0;
  opened_at_ = now;
  closed_.store(false, std::memory_order_release);
}

}  // namespace tenon::host
