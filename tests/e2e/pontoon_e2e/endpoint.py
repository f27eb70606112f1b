"""A web server that scenarios subscribe to topics."""

import http.server
import queue
import threading


class Endpoint:
    """Answers every POST with 200 and keeps it: `with Endpoint() as endpoint: ... endpoint.next().body`."""

    def __enter__(self):
        self._requests = queue.Queue()
        requests = self._requests

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.put(self)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}/sns-endpoint"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def next(self):
        """The next request, with its `headers` and `body`."""
        return self._requests.get(timeout=20)
