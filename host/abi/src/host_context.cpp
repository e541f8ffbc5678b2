#include "abi/host_context.hpp"

#include <sys/random.h>

#include <array>
#include <random>

#include "abi/instance.hpp"
#include "abi/notifier.hpp"
#include "abi/strict.hpp"

namespace tenon::host {
namespace {

const void* query(tenon_ctx* ctx, tenon_str id) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(id)) return nullptr;
  try {
    return instance->query(view(id));
  } catch (...) {  // out of memory while logging a refusal
    return nullptr;
  }
}

}  // namespace

HostContext::HostContext(LogCore& log, std::string version, std::string instance_id, Kernel* kernel)
    : log_(log),
      kernel_(kernel),
      version_(std::move(version)),
      instance_id_(std::move(instance_id)),
      notifier_(std::make_unique<Notifier>()) {
  host_.struct_size = sizeof host_;
  host_.abi_major = TENON_ABI_MAJOR;
  host_.abi_minor = TENON_ABI_MINOR;
  host_.name = c_str("tenond");
  host_.version = c_str(version_);
  host_.instance_id = c_str(instance_id_);
  host_.query = &query;
}

HostContext::~HostContext() = default;

void HostContext::check_strictly() { strict_ = std::make_unique<Strict>(log_); }

std::string make_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::random_device device;  // kernels without getrandom
    for (auto& b : bytes) b = static_cast<std::uint8_t>(device());
  }
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x40U);  // version 4, RFC 9562
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[bytes[i] >> 4U];
    out += digits[bytes[i] & 15U];
  }
  return out;
}

}  // namespace tenon::host
