#include "refusals.hpp"

#include "base/text.hpp"

namespace tenon::host {

Code too_deep(Error& error) {
  return fail(error, Code::resource_exhausted, "TOO_DEEP", [] {
    return "calls are nested " + std::to_string(ThreadFrames::max_depth) +
           " deep, no deeper call is made: look for services that call each other";
  });
}

Code too_late(Error& error, std::string_view service) {
  return fail(error, Code::deadline_exceeded, "DEADLINE",
              [&] { return "`" + std::string(service) + "` was not answered by its deadline"; });
}

Code given_up(Error& error, std::string_view service) {
  return fail(error, Code::cancelled, "GIVEN_UP",
              [&] { return "nobody waits for the call any more in which `" + std::string(service) + "` is called"; });
}

Code bad_trace(Error& error, std::string_view trace) {
  return fail(error, Code::invalid_argument, "BAD_TRACE", [&] {
    return "`" + printable(trace, 100) + "` is no traceparent: expected `00-` and three fields of 32, 16 and 2 lower-case hex digits";
  });
}

Code nobody_offers(Error& error, std::string_view service) {
  return fail(error, Code::not_found, "NO_SERVICE", [&] { return "no module offers `" + std::string(service) + "`"; });
}

Code not_callable(const Registration& r, const ServiceSeat& caller, Error& error) {
  if (r.owner->reach() == Reach::hidden && r.seat.get() != &caller) return nobody_offers(error, r.entry->text);
  return fail(error, Code::unavailable, "NOT_STARTED",
              [&] { return "`" + r.seat->module + "`, which offers `" + r.entry->text + "`, has not started yet"; });
}

Code gate_is_closed(const Registration& r, Error& error) {
  return fail(error, Code::unavailable, "LEAVING",
              [&] { return "`" + r.seat->module + "`, which offers `" + r.entry->text + "`, is leaving"; });
}

Code stale_handle(Error& error) {
  return fail(error, Code::not_found, "STALE_HANDLE",
              [] { return std::string("this handle of a service is none of this module's: it was released, or never given"); });
}

Error malformed_name(std::string_view name) {
  return service_error(
      Code::invalid_argument,
      "`" + printable(name, 300) +
          "` is no name of a service: words of letters, digits, `_` and `-` joined by dots, at most 255 bytes, and `/2` or "
          "higher behind it for another major",
      "BAD_NAME");
}

Error has_left(const ServiceSeat& seat) {
  return service_error(Code::unavailable, "`" + seat.module + "` is leaving: it neither offers nor calls services any more", "LEAVING");
}

std::string whose(const ServiceSeat& seat) { return "`" + seat.module + "` (generation " + std::to_string(seat.generation) + ")"; }

}  // namespace tenon::host
