#include "storage_part.hpp"

#include "abi/instance.hpp"
#include "deadline_here.hpp"
#include "kernel/kernel.hpp"
#include "storage_completions.hpp"

namespace tenon::host {
namespace {

constexpr std::uint64_t storage_tag = 1;

}  // namespace

Result<void> may_use_namespace(Instance& instance, std::string_view name) {
  if (auto good = check_namespace_name(name); !good) return good;  // what is no name cannot be granted
  Result<void> allowed = instance.permissions().may_use_namespace(name);
  if (!allowed) instance.host().kernel()->denied(instance.name(), "storage", name, allowed.error());
  return allowed;
}

Error no_space() { return {Code::not_found, "that is no namespace this instance has opened", "SPACE"}; }

std::unique_ptr<Part> StoragePart::make(Instance& instance) {
  Storage* const storage = instance.host().kernel()->storage();
  return storage == nullptr ? nullptr : std::make_unique<StoragePart>(instance, *storage);
}

StoragePart::StoragePart(Instance& instance, Storage& storage)
    : instance_(instance),
      storage_(storage),
      spaces_(instance.generation() << 8U | storage_tag),
      cursors_(instance, [&storage](StorageCursor& cursor, StorageBatch& batch) { return storage.scan(cursor, batch); }),
      completions_(std::make_shared<StorageCompletions>(instance)) {}

StoragePart::~StoragePart() = default;

Result<tenon_id> StoragePart::open(const std::string& name, std::uint32_t flags) {
  if ((flags & ~(TENON_STORAGE_NORMAL | TENON_STORAGE_SECRET)) != 0)
    return Error{Code::invalid_argument, "open knows the flags TENON_STORAGE_NORMAL and TENON_STORAGE_SECRET only", "FLAGS"};
  if (Result<void> r = may_use_namespace(instance_, name); !r) return r.error();
  const bool own = name == instance_.name();
  const bool secret = (flags & TENON_STORAGE_SECRET) != 0;
  if (secret && !own) {
    const Error error{Code::permission_denied, "only the module a namespace belongs to can make it secret", "NOT_OWNER"};
    instance_.host().kernel()->denied(instance_.name(), "storage", name, error);
    return error;
  }
  const std::int64_t deadline_ns = deadline_here(instance_);
  const Blocking blocking;
  // Quota and secrecy are the owner's business; durability is that of whoever writes.
  const Result<NamespaceId> found =
      own ? storage_.define(name, {.quota = instance_.permissions().storage_bytes(), .secret = secret}, deadline_ns)
          : storage_.use(name, deadline_ns);
  if (!found) return found.error();
  return spaces_.add({*found, flags});
}

Result<StorageTransaction> StoragePart::transaction(tenon_id space) const {
  const OpenSpaces::Space* const open = spaces_.find(space);
  if (open == nullptr) return no_space();
  StorageTransaction out(open->id);
  out.durable((open->flags & TENON_STORAGE_NORMAL) == 0);
  return out;
}

Result<void> StoragePart::commit_async(StorageTransaction transaction, tenon_storage_done done, void* data) {
  const Result<std::uint64_t> expected = completions_->expect(done, data);
  if (!expected) return expected.error();
  try {
    Result<void> sent = storage_.commit_async(
        std::move(transaction),
        [completions = completions_, number = *expected](Result<std::uint64_t> outcome) { completions->came(number, std::move(outcome)); });
    if (!sent) completions_->forget(*expected);
    return sent;
  } catch (const std::bad_alloc&) {
    completions_->forget(*expected);
    throw;
  }
}

bool StoragePart::leave(std::int64_t deadline_ns) { return completions_->leave(deadline_ns); }

}  // namespace tenon::host
