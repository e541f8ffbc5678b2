#include "small_host.hpp"

#include <chrono>

#include "kernel/storage_backend.hpp"
#include "memory_backend.hpp"

namespace tenon::test {

using namespace host;

SmallHost::SmallHost(KernelOptions options, std::unique_ptr<StorageBackend> backend) {
  prepare_gates();
  auto kernel = Kernel::make(log_, std::move(options));
  REQUIRE(kernel);
  kernel_ = std::move(*kernel);
  if (!backend) backend = host::test::memory_backend(std::make_shared<host::test::MemoryFile>());
  REQUIRE(kernel_->open_storage(std::move(backend)));
  context_ = std::make_unique<HostContext>(log_, "1.0.0", make_uuid(), kernel_.get());
  ticker_ = std::thread([this] {
    while (!ending_) {
      kernel_->tick(monotonic_ns());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
}

SmallHost::~SmallHost() {
  ending_ = true;
  ticker_.join();
  CHECK(kernel_->end(soon()));
  CHECK(kernel_->close_storage(soon()));
}

SmallModule::SmallModule(SmallHost& host, const std::string& name, InstanceOptions options) : host_(host) {
  options.name = name;
  instance_ = std::make_unique<Instance>(host_.context(), std::move(options));
  instance_->set_phase(Phase::run);
  instance_->reach_to(Reach::callable);
}

void SmallModule::leave(std::int64_t within_ns) {
  if (instance_ == nullptr) return;
  const auto in_time = [within_ns] { return monotonic_ns() + within_ns; };
  instance_->gate().advance(Gate::State::draining);
  instance_->drain_parts(in_time());
  CHECK(instance_->leave_parts(in_time()));
  instance_->revoke_all();
  instance_->gate().advance(Gate::State::closed);
  CHECK(instance_->close_parts(in_time()));
  CHECK(instance_->finish_parts(in_time()) == Part::Pinned::no);
  instance_->parts_destroyed();
  instance_ = nullptr;
}

}  // namespace tenon::test
