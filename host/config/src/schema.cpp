// The public face of the validator.
#include "config/schema.hpp"

#include "schema_annotations.hpp"
#include "schema_compile.hpp"
#include "schema_program.hpp"

namespace tenon::host {

namespace {
constexpr std::uint64_t max_filled_nodes = 1'000'000;
}

struct Schema::Impl {
  json_schema::Program program;
};

Schema::Schema(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

std::optional<Schema> Schema::compile(const Value& schema, Diagnostics& diagnostics) {
  auto program = json_schema::compile_schema(schema, diagnostics);
  if (!program) return std::nullopt;
  return Schema(std::make_unique<const Impl>(Impl{std::move(*program)}));
}

std::vector<SchemaViolation> Schema::validate(const Value& instance, const std::function<bool(std::string_view)>& hide) const {
  return json_schema::evaluate(impl_->program, 0, instance, hide);
}

bool Schema::fill_defaults(Value& instance) const {
  if (!impl_->program.has_defaults) return true;
  return json_schema::fill(impl_->program, 0, instance, max_filled_nodes, json_schema::none) == json_schema::FillResult::done;
}

bool Schema::is_secret(std::string_view path) const { return json_schema::is_secret(impl_->program, path); }
bool Schema::is_live(std::string_view path) const { return json_schema::is_live(impl_->program, path); }
std::string Schema::type_at(std::string_view path) const { return json_schema::type_at(impl_->program, path); }
std::vector<std::string> Schema::property_names(std::string_view path) const { return json_schema::property_names(impl_->program, path); }

}  // namespace tenon::host
