package server;

import java.net.URI;
import java.util.Map;

/** What the service needs of an SDK; a new one knows no credentials yet. */
public interface Sdk<C> {
  /** As the SDK's own clients ask for them before each request. */
  C credentials();

  /** The headers of a signed GET. */
  Map<String, String> sign(C credentials, URI uri);
}
