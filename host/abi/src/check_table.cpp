#include "abi/instance.hpp"
#include "base/text.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

std::int32_t thread(tenon_ctx* ctx) noexcept {
  const Instance* instance = Instance::from(ctx);
  const Frame* frame = current_frame();
  if (instance == nullptr || frame == nullptr || frame->owner.load(std::memory_order_relaxed) != instance) return TENON_THREAD_OTHER;
  switch (frame->tag()) {
    case ThreadTag::control:
      return TENON_THREAD_CONTROL;
    case ThreadTag::worker:
      return TENON_THREAD_WORKER;
    case ThreadTag::other:
      break;
  }
  return TENON_THREAD_OTHER;
}

std::int32_t phase(tenon_ctx* ctx) noexcept {
  const Instance* instance = Instance::from(ctx);
  if (instance == nullptr) return TENON_PHASE_NONE;
  switch (instance->phase()) {
    case Phase::create:
      return TENON_PHASE_CREATE;
    case Phase::pre_init:
      return TENON_PHASE_PRE_INIT;
    case Phase::init:
      return TENON_PHASE_INIT;
    case Phase::post_init:
      return TENON_PHASE_POST_INIT;
    case Phase::start:
      return TENON_PHASE_START;
    case Phase::run:
    case Phase::configure:
      return TENON_PHASE_RUN;
    case Phase::stop:
      return TENON_PHASE_STOP;
    case Phase::destroy:
      return TENON_PHASE_DESTROY;
    case Phase::none:
    case Phase::load:
      break;
  }
  return TENON_PHASE_NONE;
}

void violation(tenon_ctx* ctx, tenon_str rule, tenon_str message) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(rule) || !is_view(message)) return;
  try {
    const LogField field = {"rule", view(rule)};
    instance->log().write(warn, view(message), std::span(&field, 1), phase_name(instance->phase()), 0);
  } catch (...) {  // out of memory while reporting
  }
}

}  // namespace

const tenon_check check_table = {sizeof(tenon_check), 0, &thread, &phase, &violation};

}  // namespace tenon::host
