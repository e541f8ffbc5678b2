// What a module under test offers as services, called as another module would: metadata, a payload, a small buffer.
#pragma once

#include <map>
#include <string>
#include <tenon/testing.hpp>
#include <utility>
#include <vector>

namespace tenon_test {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Answered {
  tenon::Status status;
  std::string payload, content_type;
  std::map<std::string, std::string> metadata;
};

/// A deferred call is waited for. `room`: of the caller's buffer.
inline Answered call(tenon::testing::Host& host, const std::string& name, const Pairs& metadata, std::string_view payload = {},
                     std::string_view content_type = {}, std::size_t room = 8) {
  tenon::testing::ServiceRequest request;
  request.caller = "tester";
  request.content_type = content_type;
  request.metadata = metadata;
  request.room = room;
  tenon::testing::ServiceAnswer answer = host.services().call(name, payload, std::move(request));
  if (answer.status.is_pending()) answer = host.services().completion(answer.id);
  return {std::move(answer.status),
          std::move(answer.payload),
          std::move(answer.content_type),
          {answer.metadata.begin(), answer.metadata.end()}};
}

}  // namespace tenon_test
