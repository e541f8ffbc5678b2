// tenon/tenon.hpp - the C++17 wrapper around the C ABI: header-only, no state of its own, the same instructions as the C calls.
//
//   class Hello {
//    public:
//     using needs = tenon::needs<tenon::Log, tenon::Config>;
//     explicit Hello(tenon::Ctx ctx) : log_(ctx), config_(ctx) {}
//     tenon::Status init() {
//       log_.info("hello", "to", config_.require<std::string_view>("name").value());
//       return {};
//     }
//    private:
//     tenon::Log log_;
//     tenon::Config config_;
//   };
//   TENON_MODULE(Hello);
//
// A phase that is not there is NULL in a constant table. Exceptions end where they meet the C ABI: they become INTERNAL with reason
// CPP_EXCEPTION and what(); a tenon::Failure becomes the status it carries. cpp/module.hpp says what a class may have.
#ifndef TENON_TENON_HPP
#define TENON_TENON_HPP

#include "tenon/cpp/audit.hpp"
#include "tenon/cpp/calls.hpp"
#include "tenon/cpp/check.hpp"
#include "tenon/cpp/config.hpp"
#include "tenon/cpp/container.hpp"
#include "tenon/cpp/context.hpp"
#include "tenon/cpp/events.hpp"
#include "tenon/cpp/health.hpp"
#include "tenon/cpp/log.hpp"
#include "tenon/cpp/metrics.hpp"
#include "tenon/cpp/module.hpp"
#include "tenon/cpp/services.hpp"
#include "tenon/cpp/state.hpp"
#include "tenon/cpp/status.hpp"
#include "tenon/cpp/storage.hpp"
#include "tenon/cpp/tasks.hpp"
#include "tenon/cpp/views.hpp"

#endif
