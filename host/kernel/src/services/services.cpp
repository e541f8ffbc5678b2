// Services as a whole: its life, who takes a seat, what the host tells it.
#include "kernel/services.hpp"

#include <algorithm>

#include "core.hpp"
#include "kernel/host_thread.hpp"

namespace tenon::host {

const std::string& seat_module(const ServiceSeat& seat) { return seat.module; }
std::uint64_t seat_generation(const ServiceSeat& seat) { return seat.generation; }

Services::Services(WorkerPool& pool, Options options) : core_(std::make_shared<ServicesCore>(pool, std::move(options))) {}

Services::Services(WorkerPool& pool) : Services(pool, Options{}) {}

Services::~Services() {
  {
    const std::lock_guard lock(core_->calls_mutex);
    core_->stopping = true;
    core_->keeper_wakes.notify_all();
  }
  if (core_->keeper.joinable()) core_->keeper.join();
  core_->reclaim();
  // Records point back here.
  std::vector<std::pair<std::uint32_t, std::shared_ptr<CallRecord>>> rest;
  const std::lock_guard lock(core_->calls_mutex);
  rest.swap(core_->call_slots);
  core_->parked.clear();
}

std::shared_ptr<ServiceSeat> Services::join(Owner& owner, Permissions permissions, const SeatOptions& options) {
  {
    const std::lock_guard lock(core_->calls_mutex);
    if (!core_->keeper.joinable()) core_->keeper = host_thread([core = core_.get()] { core->keep(); });
  }
  SeatOptions seat = options;
  if (!seat.breaker) seat.breaker = core_->options.breaker;
  return std::make_shared<ServiceSeat>(owner, std::move(permissions), seat, core_->options.now);
}

ServiceLane Services::lane(ServiceSeat& seat) const { return {&core_->handles, core_.get(), &seat}; }

void Services::owner_reach_changed(ServiceSeat& seat) {
  const std::lock_guard lock(core_->mutex);
  for (Registration* r : seat.registrations) {
    ServicesCore::open_short_way(*r);
    ServicesCore::retarget(*r->entry);
  }
}

void Services::promote(ServiceSeat& seat) {
  const std::lock_guard lock(core_->mutex);
  for (Registration* r : seat.registrations) {
    std::vector<Registration*>& list = r->entry->registrations;
    const auto at = std::find(list.begin(), list.end(), r);
    std::rotate(list.begin(), at, at + 1);
    ServicesCore::retarget(*r->entry);
  }
}

void Services::drain(ServiceSeat& seat) {
  for (const auto& record : core_->records_of(seat))
    if (record->provider.get() == &seat) core_->ask_to_end(record, false);
}

std::vector<ServiceMetrics> Services::metrics() const {
  std::vector<ServiceMetrics> out;
  const std::lock_guard lock(core_->mutex);
  for (const NamedService* entry : core_->directory.entries()) {
    ServiceMetrics m;
    m.service = entry->text;
    if (!entry->registrations.empty()) m.provider = entry->registrations.front()->seat->module;
    entry->metrics->read(m);
    out.push_back(std::move(m));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.service < b.service; });
  return out;
}

}  // namespace tenon::host
