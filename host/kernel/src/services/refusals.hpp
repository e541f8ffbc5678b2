// What is said when a call is refused.
#pragma once

#include <string>
#include <string_view>

#include "core.hpp"

namespace tenon::host {

Code too_deep(Error& error);
Code too_late(Error& error, std::string_view service);
Code given_up(Error& error, std::string_view service);
Code nobody_offers(Error& error, std::string_view service);
Code not_callable(const Registration& r, const ServiceSeat& caller, Error& error);
Code gate_is_closed(const Registration& r, Error& error);
Code stale_handle(Error& error);
Code bad_trace(Error& error, std::string_view trace);
Error malformed_name(std::string_view name);
Error has_left(const ServiceSeat& seat);
std::string whose(const ServiceSeat& seat);  ///< "`orders` (generation 1)"

}  // namespace tenon::host
