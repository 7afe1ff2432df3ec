#!/usr/bin/env python3
"""tests/layers.py finds what it is there to find: for each rule a file that breaks it, and one that does not."""

import pathlib
import tempfile
import unittest

import layers


class Layers(unittest.TestCase):
    def rules(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            return [(line, rule) for _, line, rule in layers.check_tree(pathlib.Path(folder))]

    def expect_broken(self, name, text, words, line=1):
        found = self.rules(name, text)
        self.assertEqual(len(found), 1, f"{name}: {text!r}: {found}")
        self.assertEqual(found[0][0], line)
        self.assertIn(words, found[0][1])

    def expect_fine(self, name, text):
        self.assertEqual(self.rules(name, text), [])

    def test_rooms_do_not_include_each_other(self):
        self.expect_broken("daemon/ingest/a.cpp", '#include "uplink/uplink.hpp"\n', "another room")
        self.expect_broken("daemon/core/a.hpp", '\n#include "store/store.hpp"\n', "another room", line=2)
        self.expect_broken("mqtt/a.cpp", '#include "core/clock.hpp"\n', "another room")
        self.expect_broken("daemon/console/a.cpp", '#include "store/store.hpp"\n', "another room")
        self.expect_fine("daemon/ingest/a.cpp", '#include "store/store.hpp"\n#include "mqtt/topic.hpp"\n#include "core/log.hpp"\n')

    def test_only_two_headers_of_the_store_are_doors(self):
        self.expect_broken("daemon/uplink/a.cpp", '#include "store/schema.hpp"\n', "another room")
        self.expect_fine("daemon/uplink/a.cpp", '#include "store/registry.hpp"\n')

    def test_app_connects_every_room(self):
        self.expect_fine("daemon/app.cpp", '#include "app.hpp"\n#include "uplink/uplink.hpp"\n#include "store/store.hpp"\n')

    def test_third_parties_enter_by_one_door(self):
        self.expect_broken("daemon/uplink/a.cpp", "#include <sqlite3.h>\n", "SQLite")
        self.expect_broken("ctl/a.cpp", "#include <yaml-cpp/yaml.h>\n", "yaml-cpp")
        self.expect_broken("daemon/device/a.cpp", "#include <boost/beast/core.hpp>\n", "Beast")
        self.expect_broken("daemon/identity/tpm_key.cpp", "#include <tss2/tss2_esys.h>\n", "tpm2-tss")
        self.expect_fine("daemon/store/a.cpp", "#include <sqlite3.h>\n")

    def test_time_comes_from_the_clock(self):
        for code in ("auto t = std::chrono::steady_clock::now();", "std::this_thread::sleep_for(1s);", "x = ::time(nullptr);",
                     "x = time(nullptr);", "usleep(3);", "gettimeofday(&tv, nullptr);", "x = std::time(nullptr);"):
            self.expect_broken("daemon/device/a.cpp", code + "\n", "lock")
            self.expect_broken("tests/unit/device/a.cpp", code + "\n", "lock")
            self.expect_fine("bench/a.cpp", code + "\n")
        self.expect_fine("daemon/core/system_clock.cpp", "::clock_gettime(id, &ts);\n")
        self.expect_fine("daemon/device/a.cpp", "co_await sleep_for(clock_, 1s);  // not steady_clock::now\nclock.time();\nrun_time(0);\n")

    def test_files_are_small(self):
        self.expect_broken("daemon/core/a.cpp", "int x();\n" * 401, "401 lines", line=401)
        self.expect_fine("daemon/core/a.cpp", "int x();\n" * 400)

    def test_there_is_no_hidden_state(self):
        self.expect_broken("daemon/core/a.hpp", "  static Thing& instance() {\n", "singleton")
        self.expect_broken("daemon/core/a.cpp", "  static std::map<int, int> cache;\n", "static state")
        self.expect_broken("daemon/core/a.cpp", "static int calls = 0;\n", "static state")
        self.expect_fine("daemon/core/a.cpp", "static const Category category;\n  static constexpr int k = 3;\n  static Place place(int x) { return {}; }\n")
        self.expect_fine("daemon/core/a.hpp", "  virtual std::string instance() const = 0;\n")

    def test_names_say_something(self):
        for stem in ("util", "string_utils", "common", "helper", "session_manager", "store_impl"):
            self.expect_broken(f"daemon/core/{stem}.hpp", "", "says nothing")
        self.expect_fine("daemon/core/implied.hpp", "")

    def test_tests_in_python_poll(self):
        self.expect_broken("tests/system/a.py", "import time\ndef test_x():\n    time.sleep(1)\n", "a sleep", line=3)
        self.expect_fine("tests/system/a.py", "import time\ndef wait_for(fact, deadline):\n    while not fact():\n        time.sleep(0.01)\n")


if __name__ == "__main__":
    unittest.main()
