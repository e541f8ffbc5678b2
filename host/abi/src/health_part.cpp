#include "health_part.hpp"

#include "abi/strict.hpp"
#include "interfaces.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {
namespace {

/// A row that no module can ask for: it is the module that offers this table.
const Interface health_row{{TENON_HEALTH, sizeof(tenon_health)}, nullptr, &HealthPart::make, HealthPart::id};

}  // namespace

/// A check of the module behind the kernel's: its call, its turn on the strand, its error.
struct HealthPart::Check {
  Check(Instance& i, const tenon_health_check& c, void* s) : instance(i), check(c), self(s) {
    call.instance = &i;
    call.phase = Phase::run;
  }
  Instance& instance;
  const tenon_health_check& check;
  void* const self;
  tenon_call call;

  tenon_status ask(tenon_error& error) {
    Strict* const strict = instance.host().strict();
    const StrictCall live(strict, &call);
    if (strict == nullptr) return check.check(self, &call, &error);
    // The error on pages that are gone when the check has returned: one that goes on writing there is found.
    Borrowed borrowed(*strict, instance);
    tenon_error* lent = borrowed.object("the error of a health check", error);
    const tenon_status status = check.check(self, &call, lent);
    if (lent != &error) error = *lent;
    return status;
  }

  static Code run(void* data, Call&, Error& why) noexcept {
    auto& c = *static_cast<Check*>(data);
    Strand* const strand = c.instance.strand();
    const StrandTurn turn(strand, c.call.deadline_ns.load(std::memory_order_relaxed));
    if (!turn) return Code::deadline_exceeded;
    tenon_error error{};
    error.struct_size = sizeof error;
    const tenon_status status = c.ask(error);
    c.call.free_reserved();
    if (status == TENON_OK) return Code::ok;
    try {
      why = status == TENON_PENDING
                ? Error{Code::internal, "returned PENDING where that is not allowed", "BAD_PENDING", 0, ExitCode::unavailable}
                : error_of(status, &error);
    } catch (...) {  // out of memory: the status says enough
    }
    return status == TENON_PENDING ? Code::internal : code_of(status);
  }
};

std::unique_ptr<Part> HealthPart::make(Instance& instance) { return std::make_unique<HealthPart>(instance); }

HealthPart::HealthPart(Instance& instance) : instance_(instance), health_(instance.host().kernel()->health()) {}
HealthPart::~HealthPart() = default;

Result<void> HealthPart::offer(const tenon_health& table, void* self) {
  std::vector<HealthCheck> list = health_checks_of(table);
  for (std::size_t i = 0; i < list.size(); ++i) {
    checks_.push_back(std::make_unique<Check>(instance_, *table.checks[i], self));
    list[i].run = &Check::run;
    list[i].data = checks_.back().get();
    list[i].call = &checks_.back()->call;
  }
  return health_.join(instance_, std::move(list));
}

std::vector<HealthCheck> health_checks_of(const tenon_health& table) {
  std::vector<HealthCheck> list;
  for (std::size_t i = 0; i < table.check_count; ++i) {
    const tenon_health_check& c = *table.checks[i];
    HealthCheck& check = list.emplace_back();
    check.name = view(c.name);
    check.required = c.required != 0;
    if (c.timeout_ns != 0) check.timeout_ns = c.timeout_ns;
    if (c.interval_ns != 0) check.interval_ns = c.interval_ns;
    if (c.check != nullptr) check.run = [](void*, Call&, Error&) noexcept { return Code::internal; };
  }
  return list;
}

void HealthPart::reach_changed() {
  if (instance_.reach() == Reach::callable) health_.started(instance_);
}

void HealthPart::drain(std::int64_t) { health_.drain(instance_); }

bool HealthPart::leave(std::int64_t) {
  health_.drain(instance_);
  return true;
}

bool HealthPart::closed(std::int64_t) {
  health_.leave(instance_);
  return true;
}

Result<void> Instance::offer_health(const tenon_health& table, void* self) {
  auto* part = static_cast<HealthPart*>(make_part(health_row));
  if (part == nullptr) return {};  // a host without a kernel asks nobody
  return part->offer(table, self);
}

}  // namespace tenon::host
