// One function behind one URL, with its log, its versions and what .pmcp/deploy.toml asks for besides.
import { Aws, CfnOutput, DefaultStackSynthesizer, Duration, RemovalPolicy, Stack, Tags } from "aws-cdk-lib";
import * as apigateway from "aws-cdk-lib/aws-apigatewayv2";
import { HttpJwtAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import * as cognito from "aws-cdk-lib/aws-cognito";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as sns from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Construct } from "constructs";

/** What `cargo pmcp deploy` found in .pmcp/deploy.toml, defaults filled in. */
export interface Settings {
  server: string;
  region: string;
  zip: string;
  architecture: "arm64" | "x86_64";
  memory_mb: number;
  timeout_seconds: number;
  front: "function-url" | "http-api";
  log_retention_days: number;
  reserved_concurrency: number | null;
  environment: Record<string, string>;
  secrets: { arns: Record<string, string>; version: string };
  vpc: { subnets: string[]; security_groups: string[] } | null;
  throttling: { requests_per_second: number; burst: number } | null;
  alarms: { email: string | null; dashboard: boolean } | null;
  cognito: { scopes: string[]; callback_urls: string[] } | null;
}

export class ServerStack extends Stack {
  constructor(scope: Construct, settings: Settings) {
    super(scope, settings.server, {
      env: { region: settings.region },
      // What is uploaded has a folder of its own, so that `cargo pmcp deploy destroy --clean` knows whose it is.
      synthesizer: new DefaultStackSynthesizer({ bucketPrefix: `pmcp/${settings.server}/` }),
    });
    // Not everywhere can a dashboard have tags.
    Tags.of(this).add("pmcp:server", settings.server, { excludeResourceTypes: ["AWS::CloudWatch::Dashboard"] });

    // No name of its own: what is kept when the stack goes never stands in the way of the next one.
    const log = new logs.LogGroup(this, "Log", {
      retention: settings.log_retention_days,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const fn = this.function(settings, log);
    const version = fn.currentVersion;
    const live = new lambda.Alias(this, "Live", { aliasName: "live", version });
    const users = settings.cognito && this.users(settings.cognito, fn, settings);

    const url = settings.front === "http-api" ? this.api(live, settings, users) : this.functionUrl(live);
    if (settings.alarms) {
      this.watch(live, settings.server, settings.alarms);
    }
    new CfnOutput(this, "Url", { value: url });
    new CfnOutput(this, "FunctionName", { value: fn.functionName });
    new CfnOutput(this, "Version", { value: version.version });
    new CfnOutput(this, "LogGroup", { value: log.logGroupName });
  }

  private function(settings: Settings, log: logs.LogGroup): lambda.Function {
    const role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com") });
    log.grantWrite(role);
    const secrets = Object.values(settings.secrets.arns);
    if (secrets.length > 0) {
      role.addToPolicy(new iam.PolicyStatement({ actions: ["secretsmanager:GetSecretValue"], resources: secrets }));
    }
    const fn = new lambda.Function(this, "Function", {
      functionName: settings.server,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: settings.architecture === "arm64" ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
      handler: "bootstrap",
      code: lambda.Code.fromAsset(settings.zip),
      memorySize: settings.memory_mb,
      timeout: Duration.seconds(settings.timeout_seconds),
      reservedConcurrentExecutions: settings.reserved_concurrency ?? undefined,
      logGroup: log,
      loggingFormat: lambda.LoggingFormat.JSON,
      role,
      environment: {
        ...settings.environment,
        // Last, as the rest of this stack counts on it.
        PMCP_RESPONSE_MODE: settings.front === "function-url" ? "streaming" : "buffered",
        // Names only: the server fetches the values when it starts.
        ...(secrets.length > 0 && {
          PMCP_SECRETS: JSON.stringify(settings.secrets.arns),
          PMCP_SECRETS_VERSION: settings.secrets.version,
        }),
      },
      // Versions before are what `cargo pmcp deploy rollback` and you can go back to.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    if (settings.vpc) {
      // Network interfaces have no names that could be named.
      role.addManagedPolicy(
        iam.ManagedPolicy.fromAwsManagedPolicyName("service-role/AWSLambdaVPCAccessExecutionRole"),
      );
      const resource = fn.node.defaultChild as lambda.CfnFunction;
      resource.vpcConfig = { subnetIds: settings.vpc.subnets, securityGroupIds: settings.vpc.security_groups };
    }
    return fn;
  }

  private functionUrl(live: lambda.Alias): string {
    const url = live.addFunctionUrl({
      authType: lambda.FunctionUrlAuthType.NONE,
      invokeMode: lambda.InvokeMode.RESPONSE_STREAM,
    });
    return `${url.url}mcp`;
  }

  private api(live: lambda.Alias, settings: Settings, users: HttpJwtAuthorizer | null): string {
    const api = new apigateway.HttpApi(this, "Api", { apiName: settings.server, createDefaultStage: false });
    const stage = api.addStage("Stage", {
      stageName: "$default",
      autoDeploy: true,
      throttle: settings.throttling
        ? { rateLimit: settings.throttling.requests_per_second, burstLimit: settings.throttling.burst }
        : undefined,
    });
    const integration = new HttpLambdaIntegration("Server", live);
    api.addRoutes({
      path: "/mcp",
      integration,
      authorizer: users ?? undefined,
      // One of them must be in the token, which also keeps out tokens that are not for calling servers.
      authorizationScopes: settings.cognito?.scopes.map((scope) => `${settings.server}/${scope}`),
    });
    // The domain is put together here, as `apiEndpoint` is not known everywhere that CloudFormation is imitated.
    return `https://${api.apiId}.execute-api.${stage.stack.region}.${stage.stack.urlSuffix}/mcp`;
  }

  private users(wanted: NonNullable<Settings["cognito"]>, fn: lambda.Function, settings: Settings): HttpJwtAuthorizer {
    const pool = new cognito.UserPool(this, "Users", {
      userPoolName: settings.server,
      selfSignUpEnabled: false,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const scopes = wanted.scopes.map(
      (scopeName) => new cognito.ResourceServerScope({ scopeName, scopeDescription: scopeName }),
    );
    const resource = pool.addResourceServer("Scopes", { identifier: settings.server, scopes });
    const client = pool.addClient("Client", {
      generateSecret: false,
      oAuth: {
        flows: { authorizationCodeGrant: true },
        callbackUrls: wanted.callback_urls,
        scopes: scopes.map((scope) => cognito.OAuthScope.resourceServer(resource, scope)),
      },
    });
    // Where people sign in; the name must be nobody else's in the region.
    const domain = pool.addDomain("SignIn", {
      cognitoDomain: { domainPrefix: `${settings.server}-${Aws.ACCOUNT_ID}` },
    });
    new CfnOutput(this, "SignInUrl", { value: domain.baseUrl() });
    const issuer = `https://cognito-idp.${this.region}.${this.urlSuffix}/${pool.userPoolId}`;
    fn.addEnvironment("PMCP_AUTH_ISSUER", issuer);
    fn.addEnvironment("PMCP_AUTH_AUDIENCE", client.userPoolClientId);
    fn.addEnvironment("PMCP_TRUST_AUTHORIZER", "jwt");
    new CfnOutput(this, "Issuer", { value: issuer });
    new CfnOutput(this, "ClientId", { value: client.userPoolClientId });
    return new HttpJwtAuthorizer("Jwt", issuer, { jwtAudience: [client.userPoolClientId] });
  }

  private watch(live: lambda.Alias, server: string, wanted: NonNullable<Settings["alarms"]>): void {
    const errors = live.metricErrors({ period: Duration.minutes(5) });
    const throttles = live.metricThrottles({ period: Duration.minutes(5) });
    const alarms = [
      errors.createAlarm(this, "Errors", { threshold: 1, evaluationPeriods: 1 }),
      throttles.createAlarm(this, "Throttles", { threshold: 1, evaluationPeriods: 1 }),
    ];
    if (wanted.email) {
      const topic = new sns.Topic(this, "Alarm");
      topic.addSubscription(new EmailSubscription(wanted.email));
      for (const alarm of alarms) {
        alarm.addAlarmAction(new SnsAction(topic));
      }
    }
    if (wanted.dashboard) {
      new cloudwatch.Dashboard(this, "Dashboard", {
        dashboardName: server,
        widgets: [
          [
            new cloudwatch.GraphWidget({ title: "Calls", left: [live.metricInvocations()], right: [errors, throttles] }),
            new cloudwatch.GraphWidget({ title: "Duration", left: [live.metricDuration({ statistic: "p99" })] }),
          ],
        ],
      });
    }
  }
}
