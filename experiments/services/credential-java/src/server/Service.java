package server;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;

/**
 * A service that asks another one, with signed requests, for each request that it gets.
 * GET /sign: 200; 503 without credentials; 502 when the other service does not take them.
 * GET /figures: how many requests there were, and where their time went.
 * POST /prime: credentials as if just started. POST /calls/REQUESTS/CONCURRENCY: only takes them, so often.
 */
public final class Service<C> {
  private static final int TIMEOUT_MS = 3_000;
  private final Supplier<Sdk<C>> sdks;
  private final URI upstream = URI.create(System.getenv("UPSTREAM_URL"));
  private final Spent spent = new Spent();
  private final Sdk<C> sdk;
  private volatile Sdk<C> swept;

  private Service(Supplier<Sdk<C>> sdks) {
    this.sdks = sdks;
    this.sdk = sdks.get();
    this.swept = sdk;
  }

  public static <C> void start(Supplier<Sdk<C>> sdks) throws IOException {
    // How long the JVM keeps a name; the story's is 10 s.
    Security.setProperty("networkaddress.cache.ttl", System.getenv().getOrDefault("DNS_TTL_SECONDS", "10"));
    Service<C> service = new Service<>(sdks);
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 128);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/ready", exchange -> answer(exchange, 200, "{}"));
    server.createContext("/figures", exchange -> answer(exchange, 200, service.spent.json()));
    server.createContext("/sign", service::sign);
    server.createContext("/prime", service::prime);
    server.createContext("/calls/", service::calls);
    server.start();
    // Without it process 1 of a container ignores SIGTERM.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(0)));
  }

  private void sign(HttpExchange exchange) throws IOException {
    long begin = System.nanoTime();
    C credentials;
    try {
      credentials = sdk.credentials();
    } catch (RuntimeException error) {
      answer(exchange, 503, "{\"error\":\"no credentials\"}");
      return;
    }
    long taken = System.nanoTime();
    try {
      InetAddress.getByName(upstream.getHost());
      long resolved = System.nanoTime();
      Map<String, String> headers = sdk.sign(credentials, upstream);
      long signed = System.nanoTime();
      int status = send(headers);
      long end = System.nanoTime();
      spent.add(taken - begin, resolved - taken, end - signed, end - begin);
      answer(exchange, status == 200 ? 200 : 502, "{\"upstream\":" + status + "}");
    } catch (IOException error) {
      answer(exchange, 502, "{\"error\":\"the other service cannot be reached\"}");
    }
  }

  private int send(Map<String, String> headers) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) upstream.toURL().openConnection();
    connection.setConnectTimeout(TIMEOUT_MS);
    connection.setReadTimeout(TIMEOUT_MS);
    headers.forEach(connection::setRequestProperty);
    int status = connection.getResponseCode();
    // Read to its end, so that the connection is used again.
    try (var body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      if (body != null) body.readAllBytes();
    }
    return status;
  }

  private void prime(HttpExchange exchange) throws IOException {
    Sdk<C> fresh = sdks.get();
    swept = fresh;
    answer(exchange, 200, "{\"failed\":" + failuresOf(fresh, 1) + "}");
  }

  private void calls(HttpExchange exchange) throws IOException {
    String[] path = exchange.getRequestURI().getPath().split("/");
    int requests = Integer.parseInt(path[2]);
    int concurrency = Integer.parseInt(path[3]);
    Sdk<C> used = swept;
    long begin = System.nanoTime();
    int failed = 0;
    ExecutorService threads = Executors.newFixedThreadPool(concurrency);
    try {
      List<Future<Integer>> results = new ArrayList<>();
      for (int i = 0; i < requests; i++) results.add(threads.submit(() -> failuresOf(used, 1)));
      for (Future<Integer> result : results) failed += result.get();
    } catch (Exception error) {
      throw new IOException(error);
    } finally {
      threads.shutdownNow();
    }
    answer(exchange, 200, "{\"failed\":" + failed + ",\"ms\":" + (System.nanoTime() - begin) / 1_000_000 + "}");
  }

  private static <C> int failuresOf(Sdk<C> sdk, int times) {
    int failed = 0;
    for (int i = 0; i < times; i++) {
      try {
        sdk.credentials();
      } catch (RuntimeException error) {
        failed++;
      }
    }
    return failed;
  }

  private static void answer(HttpExchange exchange, int status, String json) throws IOException {
    byte[] body = (json + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.getRequestBody().readAllBytes();
    exchange.getResponseHeaders().set("content-type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    try (var out = exchange.getResponseBody()) {
      out.write(body);
    }
  }
}
