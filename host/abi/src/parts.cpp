// An instance and its parts of the kernel: made when asked for, told how the instance goes, left in the order of PartId.
#include <algorithm>

#include "abi/instance.hpp"
#include "interfaces.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {

Part* Instance::make_part(const Interface& interface) {
  Kernel* kernel = host_.kernel();
  if (kernel == nullptr) return nullptr;
  const std::lock_guard lock(host_.parts_mutex());
  PartSet* set = parts_.load(std::memory_order_relaxed);
  const auto place = static_cast<std::size_t>(interface.part);
  if (set != nullptr && (*set)[place].load(std::memory_order_relaxed) != nullptr) return (*set)[place].load(std::memory_order_relaxed);
  // What is made from here on would not be left any more.
  if (gate().state() != Gate::State::open) return nullptr;
  auto fresh = set == nullptr ? std::make_unique<PartSet>() : nullptr;
  std::unique_ptr<Part> made = interface.make(*this);
  if (!made) return nullptr;
  kernel->set_in_use();
  if (fresh) parts_.store(set = fresh.release(), std::memory_order_release);
  (*set)[place].store(made.get(), std::memory_order_release);
  return made.release();
}

std::vector<Part*> Instance::parts() const {
  std::vector<Part*> out;
  const PartSet* set = parts_.load(std::memory_order_acquire);
  if (set == nullptr) return out;
  for (const std::atomic<Part*>& place : *set)
    if (Part* part = place.load(std::memory_order_acquire)) out.push_back(part);
  return out;
}

void Instance::free_parts() {
  const std::unique_ptr<PartSet> set(parts_.load());
  for (Part* part : parts()) delete part;
}

void Instance::reach_to(Reach reach) {
  const std::lock_guard lock(host_.parts_mutex());  // a part that is just being made reads the reach itself
  set_reach(reach);
  for (Part* part : parts()) part->reach_changed();
}

void Instance::drain_parts(std::int64_t deadline_ns) {
  { const std::lock_guard lock(host_.parts_mutex()); }  // the gate has moved: after this no part is made any more
  for (Part* part : parts()) part->drain(deadline_ns);
}

bool Instance::leave_parts(std::int64_t deadline_ns) {
  { const std::lock_guard lock(host_.parts_mutex()); }
  bool quiet = true;
  for (Part* part : parts()) quiet = part->leave(deadline_ns) && quiet;
  return quiet;
}

bool Instance::close_parts(std::int64_t deadline_ns) {
  const std::vector<Part*> all = parts();
  if (all.empty()) return true;
  bool quiet = true;
  for (Part* part : all) quiet = part->closed(deadline_ns) && quiet;
  return host_.kernel()->workers().leave(*this, deadline_ns).quiet && quiet;
}

Part::Pinned Instance::finish_parts(std::int64_t deadline_ns) {
  Part::Pinned worst = Part::Pinned::no;
  for (Part* part : parts()) worst = std::max(worst, part->finish(deadline_ns));
  return worst;
}

void Instance::parts_destroyed() {
  for (Part* part : parts()) part->destroyed();
}

std::vector<std::string> Instance::part_holders() const {
  std::vector<std::string> out;
  for (const Part* part : parts())
    for (std::string& holder : part->holders()) out.push_back(std::move(holder));
  return out;
}

}  // namespace tenon::host
