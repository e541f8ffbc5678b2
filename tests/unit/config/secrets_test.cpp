#include "secrets.hpp"

#include "support.hpp"

using namespace tenon::host::config_room;
using namespace tenon::test;

namespace {
std::string shown(std::string_view text) { return MaskedText(text).text(); }
}  // namespace

TEST_CASE("names of secrets, by what they contain") {
  for (const char* name :
       {"password",      "PASSWORD",     "db_password", "dbPassword",   "dbpassword",  "passwords",     "password2", "passwd", "secret",
        "client-secret", "clientSecret", "token",       "access_token", "authtoken",   "key",           "api_key",   "apiKey", "API_KEY",
        "APIKey",        "apikey",       "keys",        "key1",         "DB_PASSWORD", "a.b.key",       "tokens",    "monkey", "keyboard",
        "secretkey",     "accesskey",    "tokenvalue",  "passwordhash", "PASSPHRASE",  "secretaryname", "Keystore"}) {
    CAPTURE(name);
    CHECK(is_secret_name(name));
  }
  for (const char* name : {"", "page_size", "pass", "tok_en", "interval", "kez"}) {
    CAPTURE(name);
    CHECK_FALSE(is_secret_name(name));
  }
}

TEST_CASE("masked text keeps lines and columns") {
  CHECK(shown("a: 1\npassword: hunter2\nb: 2\n") == "a: 1\npassword: *******\nb: 2\n");
  CHECK(shown("password: \"a: b\" # c\nb: 2") == "password: ****** # c\nb: 2");
  CHECK(shown("password: 'it''s'\nb: 2") == "password: *******\nb: 2");
  CHECK(shown("\"api_key\": x") == "\"api_key\": *");
  CHECK(shown("{a: 1, token: abc, b: 2}") == "{a: 1, token: **********");
  CHECK(shown("- password: x\n  other: y") == "- password: *\n  other: y");
  const std::string umlaut = shown("password: h\xC3\xBCte\nb: 1\n");
  CHECK(umlaut.size() == std::string("password: h\xC3\xBCte\nb: 1\n").size());
  CHECK_FALSE(contains(umlaut, "\xC3\xBC"));
  CHECK(shown("accesskey: hidden") == "accesskey: ******");
  CHECK(shown("donjon: visible") == "donjon: visible");
  const std::string filler(500, 'a');  // too long to be judged
  CHECK_FALSE(contains(shown("password" + filler + ": hunter2"), "hunter2"));
  CHECK_FALSE(contains(shown("\"token" + filler + "\": hunter2"), "hunter2"));
}

TEST_CASE("masked text: values of several lines") {
  CHECK_FALSE(contains(shown("password: |\n  hunter2\n  hunter3\nb: 1\n"), "hunter"));
  CHECK(contains(shown("password: |\n  hunter2\n  hunter3\nb: 1\n"), "b: 1"));
  CHECK_FALSE(contains(shown("password:\n  hunter2\nb: 1"), "hunter"));
  CHECK_FALSE(contains(shown("password: \"hunter2\nhunter3\"\nb: 1"), "hunter"));
  CHECK_FALSE(contains(shown("{password: \"hunter2\n  hunter3\"}"), "hunter"));
  CHECK_FALSE(contains(shown("password: \"hunter2\nnever closed"), "closed"));
  CHECK_FALSE(contains(shown("tokens:\n  alice: hunter2\n  bob: hunter3\nb: 1"), "hunter"));
  CHECK_FALSE(contains(shown("? password\n: hunter2"), "hunter"));
}

TEST_CASE("masked text: passwords in URLs") {
  CHECK(shown("url: postgres://u:pw@h/db") == "url: postgres://u:**@h/db");
  CHECK(shown("url: http://example.com:80/") == "url: http://example.com:80/");
}

TEST_CASE("masked text: a scalar by its place") {
  MaskedText text("a: 1\npin: \"12 34\" # x\nb:\n  c: 9\n");
  text.blank_scalar(2, 6);
  text.blank_scalar(99, 1);
  CHECK(text.text() == "a: 1\npin: ******* # x\nb:\n  c: 9\n");
}

TEST_CASE("masked text is linear in hostile text") {
  std::string colons;
  for (int i = 0; i < 300'000; ++i) colons += "a:";
  CHECK(shown(colons) == colons);
  std::string keys;
  for (int i = 0; i < 60'000; ++i) keys += "key: \xC3\xBC\n";
  CHECK_FALSE(contains(shown(keys), "\xC3\xBC"));
  std::string urls;
  for (int i = 0; i < 40'000; ++i) urls += "a://b:c@d\n";
  CHECK_FALSE(contains(shown(urls), ":c@"));
  CHECK_FALSE(shown("password: \xF0\nb").empty());
  CHECK(contains(shown("password: \xF0\nb"), "\nb"));
}

TEST_CASE("messages without what they quote") {
  CHECK(without_quotes("alias `hunter2` is undefined") == "alias `***` is undefined");
  CHECK(without_quotes("no quotes") == "no quotes");
  CHECK_FALSE(contains(without_quotes("open `hunter2"), "hunter2"));
}
