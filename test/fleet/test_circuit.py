# SPDX-License-Identifier: MIT
"""The circuit under `weir up`: three real workers, on ports that are free."""
import os
import signal
import socket
import unittest

from fleets import FleetTest, free_port

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../../examples/circuit/fleet.yaml")


class Circuit(FleetTest):
    def circuit(self, tacks=3, **more):
        self.ports = free_port(), free_port()
        self.fleet(clock={"source": "clock", "with": f"{{tacks: {tacks}, delay: 0.001}}",
                          "depends_on": "[iopin]"},
                   iopin={"worker": "iopin", "port": self.ports[0], "with": "{seed: 7}",
                          "depends_on": "[buzzer]"},
                   buzzer={"worker": "buzzer", "port": self.ports[1], **more})

    def test_the_example_is_the_circuit(self):
        self.assertEqual(self.run_weir("up", "-f", EXAMPLE, "--dry-run"), (0, """\
fleet circuit: 3 nodes, started in this order
buzzer  weir buzzer --host localhost --port 8766
        ready when it says so; grace 5s
iopin   weir iopin --host localhost --port 8765
        ready when it says so; grace 5s; after buzzer
clock   weir clock
        ready when it says so; grace 5s; after iopin
WEIR_GRID=buzzer=localhost:8766,iopin=localhost:8765,blink=localhost:8765
""", ""))

    def test_it_runs_to_its_end(self):
        self.circuit(**{"with": '{sound: "beep"}'})
        code, out, err = self.run_weir("up")
        self.assertEqual((code, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual([line for line in lines if line.startswith("clock  |")],
                         [f"clock  | [ clock ] {text}" for n in range(3)
                          for text in (f"> {n}", "< acknowledged")])
        self.assertIn(f"iopin  | [ IOPin ] serving on localhost:{self.ports[0]}", lines)
        self.assertEqual(len([line for line in lines if "[ Buzzer ] signal" in line]), 9)
        self.assertTrue(any(line.endswith("-> beep") for line in lines))
        rows = [line.split() for line in lines[-3:]]
        self.assertEqual([[row[0], *row[1:4], row[-1]] for row in rows],
                         [["buzzer", "9", "9", "0", "0"], ["iopin", "3", "3", "0", "0"],
                          ["clock", "3", "3", "0", "0"]])

    def test_the_seed_makes_it_repeatable(self):
        toggled = []
        for _ in range(2):
            self.circuit()
            out = self.up()[1]
            toggled.append([line for line in out.splitlines() if "toggling" in line])
        self.assertEqual(len(toggled[0]), 3)
        self.assertEqual(toggled[0], toggled[1])

    def test_an_interrupt_in_any_phase_ends_it_with_0(self):
        for mark in ("[ mesh ] registering new node: clock", "[ Buzzer ] serving on",
                     "[ IOPin ] serving on", "[ IOPin ] ** new client", "[ clock ] > 0",
                     "[ Buzzer ] ** new client", "[ clock ] < ack", "[ clock ] > 20"):
            with self.subTest(mark):
                self.circuit(tacks=1000000)
                up = self.start("up", "-q")
                for line in up.stdout:
                    if mark in line:
                        break
                up.send_signal(signal.SIGINT)
                code, _, err = self.ends(up)
                self.assertEqual(code, 0, err)
                self.assertNotIn("weir: node", err)

    def test_a_port_in_use_is_told(self):
        self.circuit()
        with socket.create_server(("127.0.0.1", self.ports[1])):
            code, out, err = self.up()
        self.assertEqual(code, 1)
        self.assertIn("buzzer | [ Buzzer ] Cannot bind to this port! Is the server already "
                      "running? (Address already in use)\n", out)
        self.assertEqual(err, "weir: node 'buzzer' exited with 1, though it should serve: "
                         "stopping the fleet\n")


if __name__ == "__main__":
    unittest.main()
