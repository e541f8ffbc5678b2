#include "abi/strict.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "abi/instance.hpp"
#include "strict_tables.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t kept_violations = 1000, kept_ended = 4096, kept_calls = 1024, kept_handles = 4096;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::atomic<Strict*> only{nullptr};

/// The youngest entry of `what`; "" if there is none.
template <class Key>
std::string find_ended(const std::deque<std::pair<Key, std::string>>& ended, Key what) {
  const auto found = std::find_if(ended.begin(), ended.end(), [what](const auto& e) { return e.first == what; });
  return found == ended.end() ? std::string() : found->second;
}

}  // namespace

Strict* strict_of_process() noexcept { return only; }

Strict::Strict(LogCore& log) : log_(log) { only = this; }

Strict::~Strict() {
  only = nullptr;
  for (Slot& slot : taken_back_)
    if (slot.begin != 0) ::munmap(reinterpret_cast<void*>(slot.begin.load()), slot.bytes);
  for (auto& [lent, slot] : lent_) ::munmap(reinterpret_cast<void*>(slot.begin.load()), slot.bytes);
}

void Strict::violation(std::string_view module, std::string_view rule, const std::string& message) {
  violation_once(module, rule, message, {});
}

void Strict::violation_once(std::string_view module, std::string_view rule, const std::string& message, std::string_view ending) {
  {
    const std::lock_guard lock(mutex_);
    const auto same = [&](const Violation& v) { return v.rule == rule && v.message.ends_with(ending); };
    if (!ending.empty() && std::any_of(violations_.begin(), violations_.end(), same)) return;
    violations_.push_back({std::string(module), std::string(rule), message});
    if (violations_.size() > kept_violations) violations_.pop_front();
  }
  log_.log(error, message, {{"module", module}, {"strict", rule}});
}

std::vector<Violation> Strict::violations() const {
  const std::lock_guard lock(mutex_);
  return {violations_.begin(), violations_.end()};
}

void Strict::call_begins(const tenon_call* call) {
  const std::lock_guard lock(mutex_);
  calls_[call] = {call->instance == nullptr ? std::string() : call->instance->name(), {}};
}

void Strict::call_ends(const tenon_call* call) {
  std::vector<std::byte*> lent;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;
    lent.swap(found->second.lent);
    ended_calls_.emplace_front(call, std::move(found->second.holder));
    if (ended_calls_.size() > kept_calls) ended_calls_.pop_back();
    calls_.erase(found);
  }
  for (std::byte* l : lent) take_back(l);
}

bool Strict::ends_with(const tenon_call* call, std::byte* lent) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call);
    if (found == calls_.end()) return false;
    found->second.lent.push_back(lent);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool Strict::is_live(const tenon_call* call) const {
  const std::lock_guard lock(mutex_);
  return calls_.contains(call);
}

std::string Strict::holder_of_ended(const tenon_call* call) const {
  const std::lock_guard lock(mutex_);
  return find_ended(ended_calls_, call);
}

void Strict::handle_given(Instance& instance, const void* handle) {
  const std::lock_guard lock(handles_mutex_);
  handles_[handle] = &instance;
}

void Strict::handles_end(const Instance& instance) {
  const std::lock_guard lock(handles_mutex_);
  for (auto at = handles_.begin(); at != handles_.end();) {
    if (at->second != &instance) {
      ++at;
      continue;
    }
    ended_handles_.emplace_front(at->first, instance.name());
    if (ended_handles_.size() > kept_handles) ended_handles_.pop_back();
    at = handles_.erase(at);
  }
}

std::string Strict::holder_of_ended_handle(const void* handle) const {
  const std::lock_guard lock(handles_mutex_);
  return find_ended(ended_handles_, handle);
}

void Strict::ended(const Instance& instance, Ended what, tenon_id id) {
  const std::lock_guard lock(mutex_);
  ended_.push_back({&instance, what, id});
  if (ended_.size() > kept_ended) ended_.pop_front();
}

bool Strict::was_ended(const Instance& instance, Ended what, tenon_id id) const {
  const std::lock_guard lock(mutex_);
  return std::find(ended_.begin(), ended_.end(), EndedId{&instance, what, id}) != ended_.end();
}

void Strict::forget(const Instance& instance) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(ended_, [&instance](const EndedId& e) { return e.instance == &instance; });
}

void Strict::scope_given(tenon_id id) {
  const std::lock_guard lock(mutex_);
  newest_scope_ = std::max(newest_scope_, id);
}

bool Strict::was_scope_given(tenon_id id) const {
  const std::lock_guard lock(mutex_);
  return id != 0 && id <= newest_scope_;
}

std::byte* Strict::lend(const Instance& instance, const char* what, std::size_t bytes) noexcept {
  const std::size_t size = (std::max<std::size_t>(bytes, 1) + page_size() - 1) / page_size() * page_size();
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  // At the end of the page, as far as alignment allows: reading beyond it mostly crashes too.
  constexpr std::size_t alignment = 16;
  std::byte* lent = static_cast<std::byte*>(memory) + (size - bytes) / alignment * alignment;
  try {
    const std::lock_guard lock(mutex_);
    Slot& slot = lent_[lent];
    slot.begin = reinterpret_cast<std::uintptr_t>(memory);
    slot.bytes = size;
    slot.lent.what = what;
    std::strncpy(slot.lent.module, instance.name().c_str(), sizeof slot.lent.module - 1);
  } catch (const std::bad_alloc&) {
    ::munmap(memory, size);
    return nullptr;
  }
  return lent;
}

void Strict::take_back(std::byte* lent) {
  const std::lock_guard lock(mutex_);
  const auto found = lent_.find(lent);
  if (found == lent_.end()) return;
  Slot& from = found->second;
  auto* memory = reinterpret_cast<void*>(from.begin.load());
  // Whoever kept a view reads nothing any more. The memory itself is given back, only the addresses stay taken.
  ::madvise(memory, from.bytes, MADV_DONTNEED);
  ::mprotect(memory, from.bytes, PROT_NONE);
  Slot& to = taken_back_[next_++ % kept_pages];
  if (to.begin != 0) ::munmap(reinterpret_cast<void*>(to.begin.load()), to.bytes);
  to.begin.store(0);
  to.lent = from.lent;
  to.bytes.store(from.bytes);
  to.begin.store(from.begin);
  lent_.erase(found);
}

bool Strict::find_lent(const void* address, Lent& out) const noexcept {
  const auto a = reinterpret_cast<std::uintptr_t>(address);
  for (const Slot& slot : taken_back_) {
    const std::uintptr_t begin = slot.begin.load();
    if (begin == 0 || a < begin || a - begin >= slot.bytes.load()) continue;
    out = slot.lent;
    return true;
  }
  return false;
}

void* Borrowed::room(const char* what, std::size_t n) noexcept {
  std::byte* const lent = strict_.lend(instance_, what, n);
  if (lent == nullptr) return nullptr;
  try {
    blocks_.push_back(lent);
  } catch (const std::bad_alloc&) {
    strict_.take_back(lent);
    return nullptr;
  }
  return lent;
}

void* Borrowed::copy(const char* what, const void* from, std::size_t n) noexcept {
  void* const to = room(what, n);
  if (to != nullptr && n != 0) std::memcpy(to, from, n);
  return to;
}

tenon_str Borrowed::text(const char* what, tenon_str s) {
  const void* const lent = s.len == 0 ? nullptr : copy(what, s.ptr, s.len);
  return lent == nullptr ? s : tenon_str{static_cast<const char*>(lent), s.len};
}

tenon_bytes Borrowed::bytes(const char* what, tenon_bytes b) {
  const void* const lent = b.len == 0 ? nullptr : copy(what, b.ptr, b.len);
  return lent == nullptr ? b : tenon_bytes{static_cast<const std::uint8_t*>(lent), b.len};
}

}  // namespace tenon::host
