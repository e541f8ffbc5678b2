#include "url.hpp"

#include "support.hpp"

using namespace tenon::host::config_room;
using namespace tenon::test;

TEST_CASE("database URLs that are good") {
  for (const char* url :
       {"sqlite:kernel.db", "sqlite:/var/lib/x.db", "postgres://h", "postgres://h/db", "postgresql://u:p@h:5432/db?sslmode=require",
        "postgres:///db", "postgres://u@h1:5432,h2:5433/db", "postgres://[::1]:5432/db", "postgres://u:p%40ss@h/db", "POSTGRES://h/db",
        "postgres:///db?host=/run/postgresql"}) {
    CAPTURE(url);
    CHECK(url_problem(url) == "");
  }
}

TEST_CASE("database URLs that are not") {
  for (const char* url : {"",
                          "kernel.db",
                          "sqlite:",
                          "mysql://h/db",
                          "postgres:h/db",
                          "postgres://",
                          "postgres://h:0/db",
                          "postgres://h:65536/db",
                          "postgres://h:port/db",
                          "postgres://u:p@ss@h/db",
                          "postgres://u:p/ss@h/db",
                          "postgres://h/d b",
                          "postgres://h/db#x",
                          "postgres://u:%zz@h/db",
                          "postgres://h/%4",
                          "postgres://[::1/db",
                          "postgres://[xyz]/db",
                          "postgres://[::1]x/db",
                          "postgres://h]/db",
                          "postgres://h/\x01",
                          "postgres://h/\xC3\xBC"}) {
    CAPTURE(url);
    CHECK(url_problem(url) != "");
  }
  CHECK(url_problem(std::string("sqlite:a\0b", 10)) != "");
}

TEST_CASE("problems of URLs never quote them") {
  for (const char* url :
       {"hunter2", "hunter2://x", "postgres://u:hunter2@x@h/db", "postgres://u:hunter2@h:port/db", "postgres://u:hunter2/@h"}) {
    CAPTURE(url);
    CHECK_FALSE(contains(url_problem(url), "hunter2"));
  }
}

TEST_CASE("only the password of a URL is masked") {
  CHECK(mask_url_passwords("postgres://user:hunter2@host/db") == "postgres://user:***@host/db");
  CHECK(mask_url_passwords("postgres://user@host:5432/db") == "postgres://user@host:5432/db");
  CHECK(mask_url_passwords("http://example.com:8080/@scope/x") == "http://example.com:8080/@scope/x");
  CHECK(mask_url_passwords("postgres://u:@h/db") == "postgres://u:@h/db");
  CHECK(mask_url_passwords("postgres://h/db?user=u&password=hunter2&sslmode=x") == "postgres://h/db?user=u&password=***&sslmode=x");
  CHECK(mask_url_passwords("a http://u:p@h b http://v:q@i c") == "a http://u:***@h b http://v:***@i c");
  CHECK(mask_url_passwords("no url at all: x@y") == "no url at all: x@y");
  CHECK(mask_url_passwords("http://u:p@h/?next=http://v:q@i/&token=t") == "http://u:***@i/&token=t");
}

TEST_CASE("passwords that break the rules of URLs are masked, too") {
  CHECK(mask_url_passwords("postgres://u:p@ss@h/db") == "postgres://u:***@h/db");
  CHECK(mask_url_passwords("postgres://u:p/ss@h/db") == "postgres://u:***@h/db");
  CHECK(mask_url_passwords("postgres://u:p:ss@h/db") == "postgres://u:***@h/db");
  CHECK(mask_url_passwords("postgres://u:p?ss@h/db") == "postgres://u:***@h/db");
  CHECK(mask_url_passwords("redis://:hunter2@h") == "redis://:***@h");
  CHECK(has_url_password("postgres://u:p@h"));
  CHECK_FALSE(has_url_password("postgres://u@h"));
}
