// An instance and its parts of the kernel: made when asked for, told how the instance goes, left in the order of PartId.
#include <algorithm>
#include <functional>
#include <new>
#include <set>

#include "abi/instance.hpp"
#include "interfaces.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {

Part* Instance::make_part(const Interface& interface) {
  Kernel* kernel = host_.kernel();
  if (kernel == nullptr) return nullptr;
  const std::lock_guard lock(host_.parts_mutex());
  std::atomic<Part*>& place = parts_[static_cast<std::size_t>(interface.part)];
  if (Part* there = place.load(std::memory_order_relaxed)) return there;
  // What is made from here on would not be left any more.
  if (gate().state() != Gate::State::open) return nullptr;
  std::unique_ptr<Part> made = interface.make(*this);
  if (!made) return nullptr;
  kernel->set_in_use();
  place.store(made.get(), std::memory_order_release);
  return made.release();
}

std::vector<Part*> Instance::parts() const {
  std::vector<Part*> out;
  for (const std::atomic<Part*>& place : parts_)
    if (Part* part = place.load(std::memory_order_acquire)) out.push_back(part);
  return out;
}

void Instance::free_parts() {
  for (Part* part : parts()) delete part;
}

void Instance::reach_to(Reach reach) {
  const std::lock_guard lock(host_.parts_mutex());  // a part that is just being made reads the reach itself
  set_reach(reach);
  for (Part* part : parts()) part->reach_changed();
}

void Instance::tell_unknown_loops() noexcept {
  if (options_.loops.empty() || host_.kernel() == nullptr) return;
  try {
    std::set<std::string, std::less<>> names;
    for (const TaskStatus& t : host_.kernel()->tasks().list(this))
      if (t.kind == TaskKind::loop && !t.name.empty()) names.insert(t.name);
    std::string all;
    for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
    for (const auto& [loop, decision] : options_.loops) {
      if (loop == "*" || names.contains(loop)) continue;
      host_.log().log(warn, "the module has started without a background loop of this name",
                      {{"module", name()}, {"name", loop}, {"key", decision.key}, {"its_loops", all.empty() ? "none" : all}});
    }
  } catch (const std::bad_alloc&) {  // a remark less
  }
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
