// StorageTransaction: the operations a module collects before it commits them.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <tenon/tenon.hpp>

TEST_CASE("an operation that finds no room leaves the transaction as it was") {
  tenon::StorageTransaction transaction;
  transaction.put("first", "1");
  const volatile std::size_t size = SIZE_MAX / 2;  // not to be seen by the compiler, which would warn of what is tested
  const std::string_view endless("x", size);       // refused by its size, before a byte of it is read
  CHECK_THROWS_AS(transaction.put("second", endless), std::length_error);
  CHECK(transaction.size() == 1);
  transaction.put("third", "3");
  const auto text = transaction.with_ops([](const tenon_storage_op* const* ops, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i)
      all.append(tenon::Bytes(ops[i]->key).text()).append("=").append(tenon::Bytes(ops[i]->value).text()).append(" ");
    return all;
  });
  CHECK(text == "first=1 third=3 ");
}
