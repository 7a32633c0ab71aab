package server;

import java.util.Locale;

/** Where the time of all requests so far went. */
final class Spent {
  private long requests;
  private long credentials;
  private long dns;
  private long upstream;
  private long total;

  /** Nanoseconds of one request. */
  synchronized void add(long credentials, long dns, long upstream, long total) {
    this.requests += 1;
    this.credentials += credentials;
    this.dns += dns;
    this.upstream += upstream;
    this.total += total;
  }

  synchronized String json() {
    return String.format(Locale.ROOT, "{\"requests\":%d,\"ms\":{\"credentials\":%.3f,\"dns\":%.3f,\"upstream\":%.3f,\"rest\":%.3f}}",
        requests, credentials / 1e6, dns / 1e6, upstream / 1e6, (total - credentials - dns - upstream) / 1e6);
  }
}
