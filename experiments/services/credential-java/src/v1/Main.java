import com.amazonaws.DefaultRequest;
import com.amazonaws.auth.AWS4Signer;
import com.amazonaws.auth.AWSCredentials;
import com.amazonaws.auth.InstanceProfileCredentialsProvider;
import com.amazonaws.http.HttpMethodName;
import java.net.URI;
import java.util.Map;
import server.Sdk;
import server.Service;

/** The AWS SDK for Java 1: the credentials of the instance, refreshed by whoever needs them, as is its default. */
public final class Main implements Sdk<AWSCredentials> {
  private final InstanceProfileCredentialsProvider provider = new InstanceProfileCredentialsProvider(false);

  public static void main(String[] args) throws Exception {
    Service.start(Main::new);
  }

  @Override
  public AWSCredentials credentials() {
    return provider.getCredentials();
  }

  @Override
  public Map<String, String> sign(AWSCredentials credentials, URI uri) {
    DefaultRequest<Void> request = new DefaultRequest<>("es");
    request.setHttpMethod(HttpMethodName.GET);
    request.setEndpoint(uri.resolve("/"));
    request.setResourcePath(uri.getPath());
    AWS4Signer signer = new AWS4Signer();
    signer.setServiceName("es");
    signer.setRegionName("eu-west-1");
    signer.sign(request, credentials);
    return request.getHeaders();
  }
}
