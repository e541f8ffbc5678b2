#include "services_part.hpp"

#include <algorithm>
#include <thread>

#include "base/hash.hpp"
#include "base/no_memory.hpp"
#include "kernel/names.hpp"

namespace tenon::host {

struct ServicesPart::Pin {
  ServicesPart* part;
  tenon_blob blob;
};

ServicesPart::ServicesPart(Instance& instance) : instance_(instance), services_(instance.host().kernel()->services()) {
  SeatOptions options;
  options.strand = instance.strand();
  seat_ = services_.join(instance, instance.permissions(), options);
  lane_ = services_.lane(*seat_);
}

Result<std::uint64_t> ServicesPart::add(const tenon_service& service) {
  const std::string_view name = view(service.name);
  const auto parsed = parse_service_name(name);
  const std::string text = parsed ? parsed->text() : std::string(name);
  const std::lock_guard lock(mutex_);
  if (left_)
    return Error{Code::unavailable, "`" + instance_.name() + "` is leaving: it offers no services any more", "LEAVING", 0,
                 ExitCode::unavailable};
  const std::uint64_t hash = hash_of_text(text);
  for (const Listed& l : handlers_)
    if (l.name_hash == hash && l.handler->name == text && l.handler->handle == service.handle && l.handler->data == service.data)
      return l.id;
  auto made = std::make_unique<CHandler>(CHandler{&instance_, service.handle, service.data, service.release, text});
  make_room(handlers_, handlers_.size() + 1);
  ServiceOffer offer;
  offer.name = name;
  offer.handle = &run_c_handler;
  offer.data = made.get();
  offer.release = [](void* data) {
    const std::unique_ptr<CHandler> handler(static_cast<CHandler*>(data));
    if (handler->release != nullptr) handler->release(handler->data);
  };
  offer.release_at_once = service.release == nullptr;
  offer.options.offload = (service.flags & TENON_SERVICE_OFFLOAD) != 0;
  offer.options.deprecated = (service.flags & TENON_SERVICE_DEPRECATED) != 0;
  auto added = services_.add(*seat_, offer);
  if (!added) return added;
  handlers_.push_back({hash, *added, made.release()});
  return added;
}

namespace {

/// This thread is inside of it.
bool is_here(const CHandler& handler) {
  const ThreadFrames* thread = existing_thread_frames();
  const std::uint32_t depth = thread == nullptr ? 0 : thread->depth.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < depth; ++i) {
    const Call* const call = thread->frames[i].call;
    if (call != nullptr && call->is_service && target_of(static_cast<const ServiceCall&>(*call)).data == &handler) return true;
  }
  return false;
}

}  // namespace

std::vector<ServicesPart::Listed>::iterator ServicesPart::find(std::uint64_t registration) {
  const auto found = std::find_if(handlers_.rbegin(), handlers_.rend(), [registration](const Listed& h) { return h.id == registration; });
  return found == handlers_.rend() ? handlers_.end() : std::prev(found.base());
}

/// Before it is removed: afterwards it may be freed at any time.
void ServicesPart::forget(std::vector<Listed>::iterator listed) {
  if (listed == handlers_.end()) return;
  *listed = handlers_.back();
  handlers_.pop_back();
}

Code ServicesPart::remove(std::uint64_t registration) {
  {
    const std::lock_guard lock(mutex_);
    forget(find(registration));
  }
  return services_.remove(*seat_, registration);
}

Code ServicesPart::remove_wait(std::uint64_t registration, std::int64_t deadline_ns) {
  {
    const std::lock_guard lock(mutex_);
    const auto listed = find(registration);
    if (listed != handlers_.end() && is_here(*listed->handler)) return Code::failed_precondition;  // it stays registered
    forget(listed);
  }
  return services_.remove_wait(*seat_, registration, deadline_ns);
}

bool ServicesPart::leave(std::int64_t deadline_ns) {
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
    handlers_.clear();
  }
  return services_.leave(*seat_, deadline_ns).quiet;
}

bool ServicesPart::pin(const tenon_blob& blob, ServiceBlob& out) {
  auto* made = new (std::nothrow) Pin{this, blob};
  if (made == nullptr) {
    blob.release(blob.owner);
    return false;
  }
  pinned_.fetch_add(1, std::memory_order_relaxed);
  out = {reinterpret_cast<const char*>(blob.ptr), blob.len,
         [](void* owner) {
           const std::unique_ptr<Pin> gone(static_cast<Pin*>(owner));
           ServicesPart& part = *gone->part;
           {
             const GateEntry entry(part.instance_, part.instance_.phase(), ThreadTag::other, nullptr, Gate::State::closed);
             gone->blob.release(gone->blob.owner);
           }
           part.pinned_.fetch_sub(1, std::memory_order_release);
         },
         made};
  return true;
}

bool ServicesPart::closed(std::int64_t deadline_ns) {
  while (pinned_.load(std::memory_order_acquire) != 0) {
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns) return false;
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<std::int64_t>(1'000'000, deadline_ns - now)));
  }
  return true;
}

std::vector<std::string> ServicesPart::holders() const {
  const std::size_t n = pinned_.load(std::memory_order_relaxed);
  if (n == 0) return {};
  return {std::to_string(n) + (n == 1 ? " answer of a service" : " answers of services") + " that callers have not released"};
}

std::unique_ptr<Part> make_services_part(Instance& instance) {
  try {
    return std::make_unique<ServicesPart>(instance);
  } catch (const std::exception&) {  // bad_alloc, or system_error: no thread
    return nullptr;
  }
}

}  // namespace tenon::host
