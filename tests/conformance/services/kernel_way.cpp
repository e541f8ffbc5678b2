// On the kernel itself: owners and seats without instances around them.
#include <map>
#include <span>
#include <thread>

#include "driver.hpp"
#include "kernel/kernel.hpp"
#include "kernel/strand.hpp"
#include "ticking.hpp"

namespace tenon::test {
namespace {

using namespace host;

class KernelCurrent final : public Current {
 public:
  explicit KernelCurrent(ServiceCall& call) : call_(call) { CHECK(call.caller_generation() == 1); }
  [[nodiscard]] std::string caller() const override { return call_.caller(); }
  [[nodiscard]] std::string service() const override { return std::string(call_.service()); }
  [[nodiscard]] std::string traceparent() const override { return std::string(call_.trace_parent()); }
  [[nodiscard]] std::int64_t deadline_ns() override { return call_.deadline(); }
  [[nodiscard]] bool cancelled() override { return call_.is_cancelled(); }
  bool wait(std::int64_t until_ns) override {
    const Blocking blocking;
    while (!call_.is_cancelled() && monotonic_ns() < until_ns) std::this_thread::yield();
    return call_.is_cancelled();
  }
  Answer defer() override {
    Answer out;
    out.status = static_cast<int>(call_.defer(out.id));
    return out;
  }

 private:
  ServiceCall& call_;
};

/// One life of a module.
struct Life {
  Life(Kernel& kernel, Who who, const Setup& setup) : owner(name_of(who), 1, false) {
    SeatOptions options;
    if (setup.serial) options.strand = &strand;
    seat = kernel.services().join(owner, permissions_of(who), options);
  }
  Owner owner;
  Strand strand;
  std::shared_ptr<ServiceSeat> seat;
  bool gone = false;
};

Answer answer(Code code) { return {static_cast<int>(code), {}, {}, 0}; }
Answer answer(const Error& e) { return {static_cast<int>(e.code), e.reason, e.message, 0}; }
Answer answer(const Result<std::uint64_t>& r) { return r ? Answer{0, {}, {}, *r} : answer(r.error()); }

Message message_of(const Request& q) {
  Message out;
  out.payload = q.payload;
  out.content_type = q.content_type;
  for (const ServicePair& p : q.metadata) out.metadata.emplace_back(p.key, p.value);
  return out;
}

Said said_of(Code code, const Reply& reply, const Error& error) {
  if (code != Code::ok) {
    CHECK(reply.payload().empty());
    return Said::failure(static_cast<int>(code), error.reason, error.message);
  }
  Said out;
  const std::vector<ServicePair> pairs = reply.metadata();
  static_cast<Message&>(out) = message_of({reply.payload(), reply.content_type(), pairs});
  return out;
}

bool give(const Said& said, Reply& reply) {
  if (!reply.assign(said.payload) || !reply.set_content_type(said.content_type)) return false;
  for (const auto& [k, v] : said.metadata)
    if (!reply.add_pair(k, v)) return false;
  return true;
}

class KernelDriver final : public Driver {
 public:
  using Driver::call;
  using Driver::leave;
  using Driver::offer;
  explicit KernelDriver(const Setup& setup) : setup_(setup) {
    static_cast<void>(prepare_gates());
    auto kernel = Kernel::make(log_, kernel_options(setup));
    REQUIRE(kernel);
    kernel_ = std::move(*kernel);
    KernelDriver::return_web();
    begin(Who::orders);
    if (setup.init && !setup.init(*this)) {
      KernelDriver::leave(Who::orders, {});
      return;
    }
    reach(Who::orders, Reach::visible);
    if (setup.boot) KernelDriver::start(Who::orders);
  }
  ~KernelDriver() override {
    for (const Who who : {Who::orders, Who::web})
      if (!life(who).gone) KernelDriver::leave(who, {});
    CHECK(kernel_->end(soon()));
  }

  Answer offer(Who who, const std::string& name, Service& service, std::uint32_t flags) override {
    ServiceOffer offer;
    offer.name = name;
    offer.handle = &handle;
    offer.data = &service;
    offer.release = [](void* data) { ++static_cast<Service*>(data)->released; };
    offer.options.offload = (flags & TENON_SERVICE_OFFLOAD) != 0;
    return answer(services().add(seat(who), offer));
  }
  Answer withdraw(Who who, std::uint64_t id) override { return answer(services().remove(seat(who), id)); }
  Answer withdraw_wait(Who who, std::uint64_t id, std::int64_t deadline_ns) override {
    return answer(services().remove_wait(seat(who), id, deadline_ns));
  }
  bool has(Who who, const std::string& name) override { return services().has(seat(who), name); }
  Answer resolve(Who who, const std::string& name) override { return answer(services().resolve(seat(who), name)); }
  Answer release_handle(Who who, std::uint64_t handle) override { return answer(services().release_handle(seat(who), handle)); }
  Said call(Who who, const Target& target, const Ask& ask) override {
    std::vector<char> buffer(ask.room);
    Reply reply{std::span<char>(buffer)};
    Error error;
    const auto pairs = pairs_of(ask);
    const Request request{ask.payload, ask.content_type, pairs};
    const CallOptions how{ask.deadline_ns, ask.traceparent};
    const Code code = target.id != 0 ? services().call(seat(who), target.id, request, reply, error, how)
                                     : services().call(seat(who), target.name, request, reply, error, how);
    return said_of(code, reply, error);
  }
  Answer call_async(Who who, const Target& target, const Ask& ask, Ending& done) override {
    Error error;
    const auto pairs = pairs_of(ask);
    const Request request{ask.payload, ask.content_type, pairs};
    const CallOptions how{ask.deadline_ns, ask.traceparent};
    const auto told = [](void* data, std::uint64_t, Code code, Reply& reply, const Error& why) {
      static_cast<Ending*>(data)->tell(said_of(code, reply, why));
    };
    Answer out;
    const Code code = target.id != 0 ? services().call_async(seat(who), target.id, request, told, &done, &out.id, error, how)
                                     : services().call_async(seat(who), target.name, request, told, &done, &out.id, error, how);
    if (code == Code::ok) return out;
    error.code = code;
    return answer(error);
  }
  Answer cancel(Who who, std::uint64_t id) override { return answer(services().cancel(seat(who), id)); }
  Answer complete(std::uint64_t id, const Said& said) override {
    Reply reply;
    CHECK(give(said, reply));
    Error error;
    error.reason = said.reason;
    error.message = said.message;
    return answer(
        services().complete(seat(Who::orders), id, static_cast<Code>(said.status), reply, said.message.empty() ? nullptr : &error));
  }
  Answer on_cancel(std::uint64_t id, Ending& ended) override {
    return answer(services().on_cancel(
        seat(Who::orders), id, [](void* data, Code why) { static_cast<Ending*>(data)->tell(Said::failure(static_cast<int>(why))); },
        &ended));
  }
  bool id_cancelled(std::uint64_t id) override { return services().id_cancelled(seat(Who::orders), id); }
  void start(Who who) override { reach(who, Reach::callable); }
  void leave(Who who, const std::function<void()>& in_stop) override {
    Life& l = life(who);
    l.gone = true;
    l.owner.gate().advance(Gate::State::draining);
    services().drain(*l.seat);
    CHECK(Gate::wait_until_empty(l.owner, soon()));
    if (in_stop && who == Who::orders) in_stop();
    CHECK(services().leave(*l.seat, soon()).quiet);
    l.owner.gate().advance(Gate::State::closed);
    CHECK(kernel_->workers().leave(l.owner, soon()).quiet);
  }
  void return_web() override {
    begin(Who::web);
    reach(Who::web, Reach::callable);
  }
  bool until(const std::function<bool()>& done) override { return tenon::test::becomes_ticking(kernel_->workers(), done); }
  std::optional<ServiceMetrics> metrics(const std::string& service) override {
    for (const ServiceMetrics& m : services().metrics())
      if (m.service == service) return m;
    return ServiceMetrics{};
  }
  [[nodiscard]] bool is_real() const override { return true; }
  [[nodiscard]] bool looks_at_arguments() const override { return false; }
  void expect(Who, const std::string&, const std::string&) override {}  // the kernel answers, and reports nothing

 private:
  static Code handle(void* data, ServiceCall& call, const Request& request, Reply& reply) {
    KernelCurrent current(call);
    const Said said = static_cast<Service*>(data)->run(current, message_of(request));
    if (said.status == TENON_PENDING) return pending;
    if (!give(said, reply)) return call.fail(Code::internal, "too much", "BAD_REPLY");
    if (said.reason.empty() && said.message.empty()) return static_cast<Code>(said.status);
    return call.fail(static_cast<Code>(said.status), said.message, said.reason);
  }
  static std::vector<ServicePair> pairs_of(const Ask& ask) {
    std::vector<ServicePair> out;
    for (const auto& [k, v] : ask.metadata) out.push_back({k, v});
    return out;
  }
  Services& services() { return kernel_->services(); }
  Life& life(Who who) { return *lives_[static_cast<std::size_t>(who)].back(); }
  ServiceSeat& seat(Who who) { return *life(who).seat; }
  void begin(Who who) { lives_[static_cast<std::size_t>(who)].push_back(std::make_unique<Life>(*kernel_, who, setup_)); }
  void reach(Who who, Reach to) {
    life(who).owner.set_reach(to);
    services().owner_reach_changed(seat(who));
  }
  const Setup setup_;
  LogCore log_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<std::unique_ptr<Life>> lives_[2];
};

}  // namespace

std::unique_ptr<Driver> kernel_driver(const Setup& setup) { return std::make_unique<KernelDriver>(setup); }

}  // namespace tenon::test
