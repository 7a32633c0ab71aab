import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import server.Sdk;
import server.Service;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.InstanceProfileCredentialsProvider;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;

/** The AWS SDK for Java 2. */
public final class Main implements Sdk<AwsCredentials> {
  private final InstanceProfileCredentialsProvider provider = InstanceProfileCredentialsProvider.create();
  private final AwsV4HttpSigner signer = AwsV4HttpSigner.create();

  public static void main(String[] args) throws Exception {
    Service.start(Main::new);
  }

  @Override
  public AwsCredentials credentials() {
    return provider.resolveCredentials();
  }

  @Override
  public Map<String, String> sign(AwsCredentials credentials, URI uri) {
    SdkHttpRequest request = SdkHttpRequest.builder().method(SdkHttpMethod.GET).uri(uri).build();
    var signed = signer.sign(r -> r.identity(credentials)
        .request(request)
        .putProperty(AwsV4HttpSigner.SERVICE_SIGNING_NAME, "es")
        .putProperty(AwsV4HttpSigner.REGION_NAME, "eu-west-1"));
    Map<String, String> headers = new HashMap<>();
    signed.request().forEachHeader((name, values) -> headers.put(name, values.get(0)));
    return headers;
  }
}
