"""The oracle of the loss checks must see a loss, and must not invent one."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "support" / "check_loss.py"


class CheckLoss(unittest.TestCase):
    def run_check(self, acked, cloud, equation=None):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "acked.log").write_text(acked)
            (folder / "received.ndjson").write_text("".join(line + "\n" for line in cloud))
            argv = [sys.executable, CHECK, "--acked", folder / "acked.log", "--cloud", folder / "received.ndjson"]
            if equation:
                (folder / "ledger.json").write_text(json.dumps({"equation": equation}))
                argv += ["--ledger", folder / "ledger.json"]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
            return done.returncode, done.stdout + done.stderr

    @staticmethod
    def reading(device, seq):
        return json.dumps({"device": device, "seq": seq})

    def test_sees_a_reading_that_is_nowhere(self):
        code, text = self.run_check("a 1\na 2\n", [json.dumps({"payload": self.reading("a", 1)})])
        self.assertEqual(code, 1)
        self.assertIn("lost 1", text)
        self.assertIn("a 2", text)

    def test_knows_every_form_of_batch(self):
        code, text = self.run_check("a 1\na 2\na 3\na 4\na 5\n", [
            json.dumps({"payload": f"[{self.reading('a', 1)}]"}),
            json.dumps({"payload": self.reading("a", 2) + "\n" + self.reading("a", 3) + "\n"}),
            json.dumps({"payloads": [{"device": "a", "seq": 4}, self.reading("a", 5)]}),
        ])
        self.assertEqual(code, 0, text)
        self.assertIn("delivered 5", text)

    def test_counts_duplicates_and_survives_what_is_not_of_the_fleet(self):
        code, text = self.run_check("a 1\n", [
            json.dumps({"payload": self.reading("a", 1)}), json.dumps({"payload": self.reading("a", 1)}),
            json.dumps({"payload": "7"}), json.dumps({"payloads": [1, [2], "x"]}), json.dumps({"payload_b64": "/w=="}), '{"half',
        ])
        self.assertEqual(code, 0, text)
        self.assertIn("duplicates 1", text)

    def test_what_is_queued_or_in_the_ledger_is_not_lost(self):
        books = {"queued": 1, "ledger": 1, "holds": True}
        self.assertEqual(self.run_check("a 1\na 2\n", [], books)[0], 0)
        self.assertEqual(self.run_check("a 1\na 2\na 3\n", [], books)[0], 1)

    def test_fails_when_the_books_do_not_add_up(self):
        code, _ = self.run_check("a 1\n", [json.dumps({"payload": self.reading("a", 1)})], {"queued": 0, "ledger": 0, "holds": False})
        self.assertEqual(code, 1)

    def test_ignores_the_half_line_of_a_killed_fleet_and_proves_nothing_without_any(self):
        self.assertEqual(self.run_check("a 1", [])[0], 2)


if __name__ == "__main__":
    unittest.main()
